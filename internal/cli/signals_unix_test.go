//go:build unix

package cli

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup"
)

func TestSignalsReachTheWholeGroup(t *testing.T) {
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		p := startProgram(t, "procgroup", "run", "--containment", c.String(), "--",
			"sh", "-c", "catch child NONE & exec catch leader NONE")
		p.ready("leader", "child")
		for _, sig := range passedOn {
			number := sig.(syscall.Signal)
			if number == unix.SIGTERM {
				continue // it would be the second that asks to end
			}
			p.signal(number)
			p.expect("leader "+signalName(number), "child "+signalName(number))
		}
		p.signal(unix.SIGTERM)
		p.wantStatus(statusSignalBase + int(unix.SIGKILL))
	})
}

func TestSignalsReachSetsid(t *testing.T) {
	needs(t, procgroup.Cgroup)
	p := startProgram(t, "procgroup", "run", "--containment", "cgroup", "--",
		"sh", "-c", "setsid catch child NONE & exec catch leader USR2")
	p.ready("leader", "child")
	p.signal(unix.SIGUSR1)
	p.expect("leader USR1", "child USR1")
	p.signal(unix.SIGUSR2)
	p.wantStatus(0)
}

// What the command does about a signal decides, not procgroup.
func TestSignalStatus(t *testing.T) {
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		for _, sig := range []syscall.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGUSR1} {
			p := startProgram(t, "procgroup", "run", "--containment", c.String(), "--",
				"sh", "-c", "echo leader ready $$; exec sleep "+newMark())
			p.ready("leader")
			p.signal(sig)
			p.wantStatus(statusSignalBase + int(sig))
		}
	})
}

// A signal that comes before the command is there is kept for it. This one waits,
// blocked, until procgroup is ready for it, and then until the command is.
func TestSignalBeforeStart(t *testing.T) {
	if err := exec.Command("env", "--block-signal=USR1", "true").Run(); err != nil {
		t.Skip("env(1) cannot block signals here")
	}
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		p := startProgram(t, "env", "--block-signal=USR1", "sh", "-c",
			"kill -USR1 $$; exec procgroup run --containment "+c.String()+" -- catch leader USR1")
		p.ready("leader")
		p.expect("leader USR1")
		p.wantStatus(0)
	})
}

func TestIgnoredSignalStaysIgnored(t *testing.T) {
	p := startProgram(t, "sh", "-c", `trap "" HUP; exec procgroup run catch leader USR1`)
	p.ready("leader")
	p.signal(unix.SIGHUP)
	p.signal(unix.SIGUSR1)
	p.expect("leader USR1")
	p.wantStatus(0)
}

func TestLeftoversGetSignals(t *testing.T) {
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		p := startProgram(t, "procgroup", "run", "--leftovers", "wait", "--containment", c.String(), "--",
			"sh", "-c", "catch child TERM & echo leader ready $$; read line; exit 7")
		pids := p.ready("leader", "child")
		awaitGone(t, pids["leader"])
		p.signal(unix.SIGUSR1)
		p.expect("child USR1")
		p.signal(unix.SIGTERM)
		p.expect("child TERM")
		p.wantStatus(7)
	})
}

func TestLeftoversAreKilledByASecondSignal(t *testing.T) {
	p := startProgram(t, "procgroup", "run", "--leftovers", "wait", "--",
		"sh", "-c", "catch child NONE & echo leader ready $$; read line; exit 7")
	pids := p.ready("leader", "child")
	awaitGone(t, pids["leader"])
	p.signal(unix.SIGINT)
	p.expect("child INT")
	p.signal(unix.SIGTERM)
	p.wantStatus(7)
	awaitGone(t, pids["child"])
}

// A standard error that nobody reads any more must not end procgroup before its group.
func TestBrokenStandardError(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	mark := newMark()
	cmd := exec.Command("procgroup", "run", "--verbose", "--", "sh", "-c", "sleep "+mark+" & exit 5")
	cmd.Stderr = w
	_ = cmd.Run() // its status is looked at
	if status := cmd.ProcessState.ExitCode(); status != 5 {
		t.Errorf("exit status %d, want 5", status)
	}
	if pids := marked(mark); len(pids) > 0 {
		t.Errorf("left: %v", pids)
	}
}

// awaitGone waits until a process is gone and reaped. Nobody tells a stranger of that.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			return
		}
	}
	t.Fatalf("process %d is still there", pid)
}
