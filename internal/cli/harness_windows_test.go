package cli

import (
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/windows"
)

// setApart gives a program a console of its own: a key that a test presses must not reach the
// test.
func setApart(attr *syscall.SysProcAttr) {
	attr.CreationFlags |= windows.CREATE_NEW_CONSOLE
	attr.HideWindow = true
}

// askToEnd asks nobody: the group ends with its program.
func (p *program) askToEnd() { _ = p.cmd.Process.Kill() }

// press presses a key on the program's console.
func (p *program) press(key string) {
	p.t.Helper()
	pid := strconv.Itoa(p.cmd.Process.Pid)
	if out, err := exec.Command("press", key, pid).CombinedOutput(); err != nil {
		p.t.Fatalf("%v: %s", err, out)
	}
}

// conditions are those of the scripts of this system.
var conditions = map[string]func() bool{"wine": isWine}

// isWine reports whether this is Wine and not Windows.
func isWine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}
