package cli

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is a user that has no cgroup to write in.
const nobody = 65534

// asNobody returns a command that runs the program as an ordinary user.
func asNobody(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	dir, err := os.MkdirTemp("", "procgroup")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // another user has to reach it
		t.Fatal(err)
	}
	program := filepath.Join(dir, "procgroup")
	if err := copyProgram(program); err != nil {
		t.Fatal(err)
	}
	runs := filepath.Join(dir, "runs")
	if err := os.Mkdir(runs, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(runs, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), runtimeDirEnv+"="+runs)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: nobody, Gid: nobody},
		Setsid:     true,
	}
	return cmd
}

// copyProgram makes a copy of this binary, which is the program if that is its name.
func copyProgram(to string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	from, err := os.Open(self)
	if err != nil {
		return err
	}
	defer from.Close()
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}

func TestOrdinaryUser(t *testing.T) {
	var stderr strings.Builder
	cmd := asNobody(t, "run", "--containment", "session", "--verbose", "sh", "-c", "exit 3")
	cmd.Stderr = &stderr
	_ = cmd.Run() // its status is looked at
	if got := cmd.ProcessState.ExitCode(); got != 3 {
		t.Errorf("exit status %d, want 3", got)
	}
	if want := "procgroup: held by session, which guarantees: dies-with-owner\n"; stderr.String() != want {
		t.Errorf("standard error %q, want %q", stderr.String(), want)
	}

	cmd = asNobody(t, "run", "--require", "atomic-pause", "true")
	stderr.Reset()
	cmd.Stderr = &stderr
	_ = cmd.Run() // its status is looked at
	if got := cmd.ProcessState.ExitCode(); got != statusFailed {
		t.Errorf("exit status %d, want %d", got, statusFailed)
	}
	if !strings.Contains(stderr.String(), "cgroup is not available: ") {
		t.Errorf("standard error %q does not say what is missing", stderr.String())
	}
}

// Another user sees nothing, and says why.
func TestRunsOfAnotherUser(t *testing.T) {
	p := startProgram(t, "procgroup", "run", "--name", "ours", "--", "catch", "leader", "TERM")
	p.ready("leader")
	run := found(t, "ours")
	for _, verb := range [][]string{{"ps"}, {"stop", "ours"}, {"run", "--name", "theirs", "true"}} {
		cmd := asNobody(t, verb...)
		cmd.Env = os.Environ() // with our directory
		out, _ := cmd.CombinedOutput()
		if status := cmd.ProcessState.ExitCode(); status == 0 || !strings.Contains(string(out), "belongs to user 0") {
			t.Errorf("%v: status %d: %s", verb, status, out)
		}
	}
	if _, err := run.Info(t.Context()); err != nil {
		t.Error(err)
	}
	p.signal(syscall.SIGTERM)
	p.wantStatus(0)
}

func TestDoctorForOrdinaryUser(t *testing.T) {
	out, err := asNobody(t, "doctor").Output()
	if err != nil {
		t.Error(err)
	}
	for _, want := range []string{"cgroup       no", "session      yes", "cgroup does not work here: "} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}
