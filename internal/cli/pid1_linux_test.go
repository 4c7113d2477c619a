package cli

import (
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/internal/proctable"
)

// conditions are those of the scripts of this system.
var conditions = map[string]func() bool{
	"pidns": func() bool { return pidNamespaces() == nil },
}

// pidNamespaces returns why this process cannot make PID namespaces, nil if it can.
var pidNamespaces = sync.OnceValue(func() error {
	cmd := exec.Command("true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}
	return cmd.Run()
})

// asPID1 returns a command that runs as process 1 of a PID namespace.
func asPID1(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	if err := pidNamespaces(); err != nil {
		t.Skipf("no PID namespaces here: %v", err)
	}
	cmd := exec.Command("firstproc", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}
	return cmd
}

// startPID1 starts the program as process 1, with a verb.
func startPID1(t *testing.T, verb string, c procgroup.Containment, command ...string) *program {
	t.Helper()
	args := append([]string{"procgroup", verb, "--containment", c.String(), "--"}, command...)
	return startCommand(t, asPID1(t, args...))
}

func TestPID1ReapsOrphans(t *testing.T) {
	for _, verb := range []string{"init", "run"} {
		t.Run(verb, func(t *testing.T) {
			p := startPID1(t, verb, procgroup.Session, "orphans")
			p.expect("reaped")
			p.wantStatus(0)
		})
	}
}

func TestPID1PassesEverySignalOn(t *testing.T) {
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		p := startPID1(t, "init", c, "catchall", "leader", "USR2")
		p.ready("leader")
		for _, sig := range everySignal {
			number := sig.(syscall.Signal)
			if number == unix.SIGUSR2 || number == unix.SIGTERM {
				continue // the last of all; and the second that asks to end
			}
			p.signal(number)
			p.expect("leader " + signalName(number))
		}
		p.signal(unix.SIGUSR2)
		p.expect("leader USR2")
		p.wantStatus(0)
	})
}

// Not as process 1, init passes the same signals on.
func TestInitPassesEverySignalOn(t *testing.T) {
	p := startProgram(t, "procgroup", "init", "--", "catchall", "leader", "USR2")
	p.ready("leader")
	for _, sig := range []syscall.Signal{unix.SIGCONT, unix.SIGALRM, unix.SIGABRT, unix.SIGIO, 35, 37, 64} {
		p.signal(sig)
		p.expect("leader " + signalName(sig))
	}
	p.signal(unix.SIGUSR2)
	p.wantStatus(0)
}

// The command is no process 1, for which the default action would be to do nothing.
func TestPID1SignalStatus(t *testing.T) {
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		for _, sig := range []syscall.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGALRM, unix.SIGABRT, 37} {
			p := startPID1(t, "init", c, "sh", "-c", "ulimit -c 0; echo leader ready $$; exec sleep "+newMark())
			p.ready("leader")
			p.signal(sig)
			p.wantStatus(statusSignalBase + int(sig))
		}
	})
}

func TestPID1HandledSignal(t *testing.T) {
	p := startPID1(t, "init", procgroup.Session,
		"sh", "-c", `trap 'echo bye; exit 5' TERM; echo leader ready $$; while :; do read line; done`)
	p.ready("leader")
	p.signal(unix.SIGTERM)
	p.expect("bye")
	p.wantStatus(5)
}

func TestPID1SecondSignalKills(t *testing.T) {
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		for _, verb := range []string{"init", "run"} {
			p := startPID1(t, verb, c, "catch", "leader", "NONE")
			p.ready("leader")
			p.signal(unix.SIGINT)
			p.expect("leader INT")
			p.signal(unix.SIGINT)
			p.wantStatus(statusSignalBase + int(unix.SIGKILL))
		}
	})
}

// A signal that comes before the command is there is kept for it.
func TestPID1SignalBeforeStart(t *testing.T) {
	if err := exec.Command("env", "--block-signal=USR1", "true").Run(); err != nil {
		t.Skip("env(1) cannot block signals here")
	}
	p := startCommand(t, asPID1(t, "env", "--block-signal=USR1", "sh", "-c",
		"kill -USR1 $$; exec procgroup init -- catch leader USR1"))
	p.ready("leader")
	p.expect("leader USR1")
	p.wantStatus(0)
}

// A signal that comes while the child is not ready for it waits, and ends the command
// and not the child.
func TestPID1SignalAtStart(t *testing.T) {
	for range 10 {
		p := startCommand(t, asPID1(t, "procgroup", "init", "--verbose", "sleep", newMark()))
		awaitChild(t, p.cmd.Process.Pid)
		p.signal(unix.SIGUSR1)
		p.wantStatus(statusSignalBase + int(unix.SIGUSR1))
		if stderr := p.stderr.String(); !strings.HasPrefix(stderr, "procgroup: held by ") {
			t.Fatalf("the child ended before the command; standard error: %q", stderr)
		}
	}
}

// awaitChild waits until a process has a child, of which nobody tells a stranger.
func awaitChild(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		table, err := proctable.All()
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(table, func(e proctable.Entry) bool { return e.Parent == pid }) {
			return
		}
	}
	t.Fatal("no child")
}

// Nobody but process 1 could continue its child.
func TestPID1ContinuesItsChild(t *testing.T) {
	p := startPID1(t, "init", procgroup.Session,
		"sh", "-c", `echo child ready $PPID; kill -STOP $PPID; echo stopped; exec catch leader TERM`)
	p.ready("child")
	p.expect("stopped")
	p.ready("leader")
	p.signal(unix.SIGTERM)
	p.expect("leader TERM")
	p.wantStatus(0)
}

// Daemons that a session does not hold do not outlive the command.
func TestPID1LeavesNobody(t *testing.T) {
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		for _, leftovers := range []string{"kill", "leave"} {
			mark := newMark()
			p := startCommand(t, asPID1(t, "procgroup", "run", "--containment", c.String(), "--leftovers", leftovers,
				"--", "sh", "-c", `(setsid sh -c "sleep $0 &" &); sleep $0 & exit 3`, mark))
			p.wantStatus(3)
			if pids := marked(mark); len(pids) > 0 {
				t.Errorf("left: %v", pids)
			}
		}
	})
}

// A pipe as standard input goes to the command.
func TestPID1StandardInput(t *testing.T) {
	cmd := asPID1(t, "procgroup", "init", "--", "sh", "-c", "cat; exit 4")
	cmd.Stdin = strings.NewReader("some\ninput\n")
	p := startCommand(t, cmd)
	p.expect("some", "input")
	p.wantStatus(4)
}

func TestPID1CannotStart(t *testing.T) {
	cmd := asPID1(t, "sh", "-c", "umount /proc && umount -l /proc && exec procgroup init true")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	const want = "procgroup: as process 1, cannot start itself again: fork/exec /proc/self/exe: no such file or directory\n"
	// Before it the race detector says, if it is there, what it misses.
	if status := cmd.ProcessState.ExitCode(); status != statusFailed || !strings.HasSuffix(string(out), want) {
		t.Errorf("exit status %d and %q, want %d and %q", status, out, statusFailed, want)
	}
}

// Below process 1 a shell has job control, whatever holds it.
func TestPID1JobControl(t *testing.T) {
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		jobControl(startConsoleOf(t, asPID1(t, "procgroup", "init", "--containment", c.String(), "--", "sh", "-i")))
	})
}

// The terminal's session began outside of the namespace.
func TestPID1JobControlInForeignSession(t *testing.T) {
	needs(t, procgroup.Cgroup)
	asPID1(t) // skips
	jobControl(startConsole(t, "unshare", "--pid", "--fork", "--mount-proc",
		"procgroup", "init", "--containment", "cgroup", "--", "sh", "-i"))
}

// jobControl has a shell run, stop, continue and end a job.
func jobControl(con *console) {
	con.t.Helper()
	// What is typed shows as well, and must not be what is waited for.
	con.typeIn(`sh -c 'echo rea""dy; while read line; do echo "got <$line>"; done; exit 4'` + "\n")
	con.see("ready")
	for range 3 {
		con.typeIn(ctrlZ)
		con.see("Stopped")
		con.typeIn("fg\n")
		con.typeIn("on\n")
		con.see("got <on>")
	}
	con.typeIn(ctrlD)
	con.typeIn("exit $?\n")
	con.wantStatus(4)
}

// Where there is no shell, Ctrl-Z does nothing.
func TestPID1CtrlZ(t *testing.T) {
	const script = `stty -echo; echo ready; read line; echo "got <$line>"; read line; exit 6`
	test := func(con *console) {
		con.see("ready")
		con.typeIn(ctrlZ + "on\n")
		con.see("got <on>")
		con.typeIn(ctrlZ + "off\n")
		con.wantStatus(6)
	}
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		for _, verb := range []string{"init", "run"} {
			test(startConsoleOf(t, asPID1(t, "procgroup", verb, "--containment", c.String(), "--", "sh", "-c", script)))
		}
	})
	t.Run("foreign session", func(t *testing.T) {
		needs(t, procgroup.Cgroup)
		asPID1(t) // skips
		test(startConsole(t, "unshare", "--pid", "--fork", "--mount-proc",
			"procgroup", "init", "--containment", "cgroup", "--", "sh", "-c", script))
	})
}

func TestPID1CtrlC(t *testing.T) {
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		con := startConsoleOf(t, asPID1(t, "procgroup", "init", "--containment", c.String(), "--",
			"sh", "-c", "echo ready; exec sleep "+newMark()))
		con.see("ready")
		con.typeIn(ctrlC)
		con.wantStatus(statusSignalBase + int(unix.SIGINT))
	})
}
