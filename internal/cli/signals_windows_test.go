package cli

import (
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/procgroup/procgroup"
)

func TestCtrlC(t *testing.T) {
	if isWine() {
		t.Skip("Wine delivers no Ctrl-Break, which the group gets")
	}
	for _, key := range []string{"Ctrl-C", "Ctrl-Break"} {
		p := startProgram(t, "procgroup", "run", "--", "catch", "leader", "INT")
		p.ready("leader")
		p.press(key)
		p.expect("leader INT")
		p.wantStatus(0)
	}
}

func TestSecondCtrlCKills(t *testing.T) {
	p := startProgram(t, "procgroup", "run", "--verbose", "--", "catch", "leader", "NONE")
	p.ready("leader")
	p.press("Ctrl-C")
	p.press("Ctrl-C")
	p.wantStatus(killedStatus)
	if !strings.Contains(p.stderr.String(), "asked to end again: killing") {
		t.Errorf("standard error: %s", p.stderr.String())
	}
}

// killedStatus is the exit status of a command that its group was killed with.
const killedStatus = 1

func TestTimeoutAsks(t *testing.T) {
	if isWine() {
		t.Skip("Wine delivers no Ctrl-Break, which the group gets")
	}
	p := startProgram(t, "procgroup", "run", "--timeout", "1s", "--", "catch", "leader", "INT")
	p.ready("leader")
	p.expect("leader INT")
	p.wantStatus(statusTimeout)
}

// Without a console and without a window nobody can be asked, which is told to who wants to know.
func TestNobodyCanBeAsked(t *testing.T) {
	hermit := exec.Command("catch", "leader", "NONE")
	// Letting go of its console would leave the console's host for a while: a member with a window.
	hermit.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.DETACHED_PROCESS}
	told := secondSignalKills(t, procgroup.Job, syscall.SIGTERM, true, hermit)
	want := regexp.MustCompile(`(?m)^procgroup: terminate: .*` + errors.ErrUnsupported.Error() + "$")
	if !want.MatchString(told) {
		t.Errorf("it does not say that nobody can be asked: %s", told)
	}
}
