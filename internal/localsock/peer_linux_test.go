package localsock

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is a user that we are not.
const nobody = 65534

// as returns a command that is this test binary, run by another user.
func as(t *testing.T, uid uint32, env string) *exec.Cmd {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	dir, err := os.MkdirTemp("", "localsock")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	open(t, dir)
	data, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, data, 0o700); err != nil {
		t.Fatal(err)
	}
	open(t, program)
	cmd := exec.Command(program)
	cmd.Dir, cmd.Env = "/", append(os.Environ(), env, "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	return cmd
}

// open lets everybody use a file, which no umask forbids.
func open(t *testing.T, path string) {
	t.Helper()
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
}

func TestAnotherUserIsRefused(t *testing.T) {
	t.Parallel()
	path := serve(t)
	open(t, filepath.Dir(path))
	open(t, path)
	for uid, want := range map[uint32]string{0: `"welcome\n"`, nobody: `""`} {
		out, err := as(t, uid, "PROCGROUP_TEST_DIAL="+path).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("user %d gets %s (%v), not %s", uid, got, err, want)
		}
	}
	if got := greeting(t, path); got != "welcome\n" {
		t.Errorf("after the other user: %q", got)
	}
}

func TestAnotherUsersListenerIsRefused(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	open(t, filepath.Dir(path))
	cmd := as(t, nobody, "PROCGROUP_TEST_LISTEN="+path)
	end, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		end.Close()
		_ = cmd.Wait()
	}()
	if _, err := io.ReadFull(out, make([]byte, len("ready"))); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if _, err := Dial(t.Context(), path); !errors.Is(err, os.ErrPermission) {
		t.Errorf("Dial: %v", err)
	}
}
