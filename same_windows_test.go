package procgroup_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/procgroup/procgroup"
)

// alikes are commands that have to be the same whoever starts them, by what is done to one that
// runs a payload that reports, with a directory for it.
var alikes = map[string]func(t *testing.T, cmd *exec.Cmd, dir string){
	"arguments": func(_ *testing.T, cmd *exec.Cmd, _ string) {
		cmd.Args = append(cmd.Args, "", " ", "a b", `a"b`, `\`, `\"`, `a b\`, `"a b"`, "\t", "%PATH%", "^&|<>", "ä ☺ 𝄞")
	},
	"command line": func(_ *testing.T, cmd *exec.Cmd, _ string) {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			CmdLine: strings.Join(cmd.Args, " ") + `  "a  b"c \"d   e\\"f g"`,
		}
	},
	"environment": func(_ *testing.T, cmd *exec.Cmd, _ string) {
		cmd.Env = append(cmd.Env, "PROCGROUP_TEST_A=1", "procgroup_test_a=2", "PROCGROUP_TEST_Ä=ö ☺ 𝄞", "EMPTY=", "=Z:=Z:\\x")
	},
	"environment without SYSTEMROOT": func(_ *testing.T, cmd *exec.Cmd, _ string) { cmd.Env = cmd.Env[len(cmd.Env)-2:] },
	"environment of the owner":       func(t *testing.T, cmd *exec.Cmd, dir string) { cmd.Env = nil; t.Setenv(payloadEnv, cmd.Args[1]) },
	"directory":                      func(t *testing.T, cmd *exec.Cmd, dir string) { cmd.Dir = dir },
	"relative path": func(_ *testing.T, cmd *exec.Cmd, _ string) {
		cmd.Dir = filepath.Dir(cmd.Path)
		cmd.Path = "." + string(filepath.Separator) + filepath.Base(cmd.Path)
	},
	"path without extension": func(_ *testing.T, cmd *exec.Cmd, _ string) { cmd.Path = strings.TrimSuffix(cmd.Path, ".exe") },
	"input from a file": func(t *testing.T, cmd *exec.Cmd, dir string) {
		name := filepath.Join(dir, "in put")
		must(t, os.WriteFile(name, []byte("a\r\nb\x00\x1a"), 0o600))
		file, err := os.Open(name)
		must(t, err)
		t.Cleanup(func() { file.Close() })
		cmd.Stdin = file
	},
	"output to a file": func(t *testing.T, cmd *exec.Cmd, dir string) {
		file, err := os.Create(filepath.Join(dir, outputName))
		must(t, err)
		t.Cleanup(func() { file.Close() })
		cmd.Stdout, cmd.Stderr = file, file
	},
	"input from a Reader": func(_ *testing.T, cmd *exec.Cmd, _ string) { cmd.Stdin = strings.NewReader("read") },
	"status 1":            status("1"),
	"status 259":          status("259"), // STILL_ACTIVE
	"status 0x80000000":   status("0x80000000"),
	"status 0xC0000005":   status("0xC0000005"), // STATUS_ACCESS_VIOLATION
	"status 0xFFFFFFFF":   status("0xFFFFFFFF"),
	"hidden":              func(_ *testing.T, cmd *exec.Cmd, _ string) { cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true} },
	"nothing inherited": func(_ *testing.T, cmd *exec.Cmd, _ string) {
		cmd.SysProcAttr = &syscall.SysProcAttr{NoInheritHandles: true}
	},
	"batch file":             func(t *testing.T, cmd *exec.Cmd, dir string) { cmd.Path = batchFile(t, dir) },
	"batch file for cmd":     cmdFor,
	"null in an argument":    func(_ *testing.T, cmd *exec.Cmd, _ string) { cmd.Args = append(cmd.Args, "a\x00b") },
	"null in a variable":     func(_ *testing.T, cmd *exec.Cmd, _ string) { cmd.Env = append(cmd.Env, "A=a\x00b") },
	"no such program":        func(_ *testing.T, cmd *exec.Cmd, _ string) { cmd.Path = filepath.Join(cmd.Path, "not there.exe") },
	"no such directory":      func(t *testing.T, cmd *exec.Cmd, dir string) { cmd.Dir = filepath.Join(dir, "not there") },
	"a directory for a file": func(t *testing.T, cmd *exec.Cmd, dir string) { cmd.Path = dir },
	"no program in the file": func(t *testing.T, cmd *exec.Cmd, dir string) {
		cmd.Path = filepath.Join(dir, "text.exe")
		must(t, os.WriteFile(cmd.Path, []byte("this is a text"), 0o700))
	},
}

func status(number string) func(*testing.T, *exec.Cmd, string) {
	return func(_ *testing.T, cmd *exec.Cmd, _ string) {
		cmd.Env = append(cmd.Env, "PROCGROUP_TEST_STATUS="+number)
	}
}

func batchFile(t *testing.T, dir string) string {
	name := filepath.Join(dir, "some thing.bat")
	must(t, os.WriteFile(name, []byte("@echo it says %1\r\n@exit /b 3\r\n"), 0o700))
	return name
}

func cmdFor(t *testing.T, cmd *exec.Cmd, dir string) {
	shell, err := exec.LookPath("cmd")
	must(t, err)
	cmd.Path, cmd.Args = shell, []string{"cmd", "/c", batchFile(t, dir), "word"}
}

// outputName is the file for the output of a command that has one.
const outputName = "out put"

// What a command gets, says and ends with is the same as with os/exec.
func TestCommandIsTheSame(t *testing.T) {
	for name, change := range alikes {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			dir := t.TempDir()
			for _, copied := range []bool{true, false} {
				run := func(run func(*exec.Cmd) error) string {
					cmd := exec.Command(ownProgram(t), f.mark, "report")
					cmd.Env = append(os.Environ(), payloadEnv+"="+f.mark)
					change(t, cmd, dir)
					return outcome(cmd, run, copied)
				}
				want := run((*exec.Cmd).Run)
				if got := run(runInCmd); got != want {
					t.Errorf("in a Cmd:\n%s\nwant\n%s", got, want)
				}
				if got := run(runInGroup); got != want {
					t.Errorf("in a Group:\n%s\nwant\n%s", got, want)
				}
			}
			f.wantNobody()
		})
	}
}

func runInCmd(cmd *exec.Cmd) error { return (&procgroup.Cmd{Cmd: cmd}).Run() }

func runInGroup(cmd *exec.Cmd) error {
	g, err := procgroup.New(procgroup.Options{})
	if err != nil {
		return err
	}
	defer g.Close()
	if err := g.Start(cmd); err != nil {
		return err
	}
	return cmd.Wait()
}

// outcome is what is seen of a command. If its output is not copied, nothing is left for
// os/exec to do but to start it.
func outcome(cmd *exec.Cmd, run func(*exec.Cmd) error, copied bool) string {
	var stdout, stderr bytes.Buffer
	if copied && cmd.Stdout == nil {
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
	}
	err := run(cmd)
	var own *procgroup.Error
	if errors.As(err, &own) {
		err = own.Err
	}
	var written []byte
	if file, ok := cmd.Stdout.(*os.File); ok {
		written, _ = os.ReadFile(file.Name())
	}
	return fmt.Sprintf("%v\n%v\n%s%s%s", err, cmd.ProcessState, &stdout, &stderr, written)
}
