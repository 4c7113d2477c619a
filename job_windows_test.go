package procgroup_test

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/internal/proctable"
)

func TestTwoHundredMembers(t *testing.T) { testMembers(t, crowd) }

func TestTerminateClosesWindows(t *testing.T) {
	for name, end := range map[string]func(*procgroup.Group) error{
		"Terminate": (*procgroup.Group).Terminate,
		"Stop":      func(g *procgroup.Group) error { return g.Stop(patient(t)) },
		"paused": func(g *procgroup.Group) error {
			return errors.Join(g.Pause(patient(t)), g.Terminate())
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			g := newGroup(t, procgroup.Options{Grace: patience})
			cmd := f.payload("window")
			start(t, g, cmd)
			f.awaitReady(1)
			must(t, end(g))
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 7 {
				t.Errorf("the member ended with %d, not when its window was closed", code)
			}
		})
	}
}

func TestTerminateOfWhoCannotBeAsked(t *testing.T) {
	f := newFixture(t)
	g := newGroup(t, procgroup.Options{Grace: shortGrace})
	cmd := f.payload("sleep")
	cmd.SysProcAttr.CreationFlags |= windows.DETACHED_PROCESS
	start(t, g, cmd)
	f.awaitReady(1)
	for name, err := range map[string]error{"Terminate": g.Terminate(), "Signal": g.Signal(os.Interrupt)} {
		if !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, procgroup.ErrSignal) {
			t.Errorf("%s: %v, want errors.ErrUnsupported", name, err)
		}
	}
	must(t, g.Stop(patient(t)))
	f.wantNobody()
	_ = cmd.Wait()
	if !wasKilled(cmd.ProcessState) {
		t.Errorf("the command ended with %v", cmd.ProcessState)
	}
}

// A command that was prepared runs only when it is told to, and that once: what others have
// suspended later stays so.
func TestPreparedCommandWaits(t *testing.T) {
	f := newFixture(t)
	g := newGroup(t, procgroup.Options{})
	cmd := f.payload("sleep")
	must(t, g.Prepare(cmd))
	must(t, cmd.Start())
	defer func() { _ = cmd.Wait() }()
	pid := cmd.Process.Pid
	if err := g.ResumeProcess(pid); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("ResumeProcess before Assign: %v, want os.ErrInvalid", err)
	}
	must(t, g.Assign(pid))
	wantState(t, pid, proctable.Stopped)
	must(t, g.Pause(patient(t)))
	must(t, g.Resume(patient(t)))
	wantState(t, pid, proctable.Stopped)
	must(t, g.ResumeProcess(pid))
	f.awaitReady(1)
	must(t, cmd.Process.WithHandle(suspend))
	must(t, g.ResumeProcess(pid))
	wantState(t, pid, proctable.Stopped)
	must(t, g.Kill())
}

func wantState(t *testing.T, pid int, want proctable.State) {
	t.Helper()
	if d, err := inspect(pid); err != nil || d.State != want {
		t.Errorf("process %d is in state %d, %v, want %d", pid, d.State, err, want)
	}
}

// Who asks for a suspended process gets one.
func TestSuspendedByTheCaller(t *testing.T) {
	forEachStart(t, func(t *testing.T, c procgroup.Containment, stdout io.Writer) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		cmd := f.payload("sleep")
		cmd.Stdout = stdout
		cmd.SysProcAttr.CreationFlags |= windows.CREATE_SUSPENDED
		start(t, g, cmd)
		wantState(t, cmd.Process.Pid, proctable.Stopped)
		must(t, cmd.Process.WithHandle(resume))
		f.awaitReady(1)
		must(t, g.Kill())
	})
}

// A process that has exited, and of which the handle is held, is gone all the same.
func TestAssignOfProcessThatHasExited(t *testing.T) {
	f := newFixture(t)
	g := newGroup(t, procgroup.Options{})
	cmd := f.payload("exit", "0")
	must(t, cmd.Start())
	must(t, cmd.Process.WithHandle(func(handle uintptr) {
		_, err := windows.WaitForSingleObject(windows.Handle(handle), windows.INFINITE)
		must(t, err)
	}))
	if err := g.Assign(cmd.Process.Pid); !errors.Is(err, os.ErrProcessDone) || !errors.Is(err, procgroup.ErrAssign) {
		t.Errorf("Assign: %v, want os.ErrProcessDone", err)
	}
	must(t, cmd.Wait())
}

func TestAssignOfTheSystem(t *testing.T) {
	wine(t, "no process is protected there")
	g := newGroup(t, procgroup.Options{})
	const system = 4 // the number of the process that is the kernel
	if err := g.Assign(system); !errors.Is(err, os.ErrPermission) || !errors.Is(err, procgroup.ErrAssign) {
		t.Errorf("Assign: %v, want os.ErrPermission", err)
	}
}

// The members of a group whose owner is a member itself are members of both.
func TestGroupInGroup(t *testing.T) {
	f := newFixture(t)
	f.bystander()
	g := newGroup(t, procgroup.Options{})
	start(t, g, f.payload("owner", "job", "running", "tree", "1", "2"))
	f.awaitReady(3)
	if list, err := g.Processes(); len(list) != 4 || err != nil {
		t.Errorf("%d processes, %v, want 4", len(list), err)
	}
	must(t, g.Pause(patient(t)))
	f.wantStill()
	must(t, g.Kill())
	must(t, g.Wait(patient(t)))
	f.wantNobody()
}

// The inner owner ends its group, and the outer one lives.
func TestOwnerInGroupDies(t *testing.T) {
	f := newFixture(t)
	g := newGroup(t, procgroup.Options{})
	start(t, g, f.payload("sleep"))
	inner := f.payload("owner", "job", "running", "tree", "1", "2")
	start(t, g, inner)
	f.awaitReady(4)
	must(t, inner.Process.Kill())
	_ = inner.Wait()
	for ctx := patient(t); len(f.alive()) > 1; {
		must(t, ctx.Err())
	}
	if list, err := g.Processes(); len(list) != 1 || err != nil {
		t.Errorf("%d processes, %v, want 1", len(list), err)
	}
	must(t, g.Kill())
}

// A handle that can be inherited goes to nobody who is not given it.
func TestMembersInheritOnlyWhatIsNamed(t *testing.T) {
	forEachStart(t, func(t *testing.T, c procgroup.Containment, stdout io.Writer) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		r, w, err := os.Pipe()
		must(t, err)
		defer r.Close()
		inheritable(w)
		cmd := f.payload("sleep")
		cmd.Stdout = stdout
		start(t, g, cmd)
		f.awaitReady(1)
		must(t, w.Close())
		ended := make(chan error, 1)
		go func() {
			_, err := io.Copy(io.Discard, r)
			ended <- err
		}()
		select {
		case err := <-ended:
			must(t, err)
		case <-time.After(patience):
			t.Error("the member holds a pipe that it was not given")
		}
		must(t, g.Kill())
	})
}

// While a storm goes on every verb does what it should, or nothing.
func TestVerbsInForkStorm(t *testing.T) {
	f := newFixture(t)
	f.bystander()
	g := newGroup(t, procgroup.Options{Grace: shortGrace})
	cmd := f.payload("storm", stormWidth)
	start(t, g, cmd)
	f.awaitReady(1)
	for range 5 {
		list, err := g.Processes()
		must(t, err)
		if len(list) == 0 || !g.Active() {
			t.Error("nobody is there")
		}
		s, err := g.Stats()
		must(t, err)
		if !s.Processes.Valid || s.Processes.V == 0 {
			t.Errorf("the figures are %+v", s)
		}
		short, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		if err := g.Wait(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait: %v", err)
		}
		cancel()
		if err := g.Terminate(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			t.Error(err)
		}
		quick := f.quick()
		start(t, g, quick)
		must(t, quick.Wait())
	}
	must(t, g.Release())
	if len(f.alive()) < 2 {
		t.Error("a storm that was released is over")
	}
	// To kill those who are just starting somebody would leave those who are not yet themselves.
	must(t, f.goOn.Close())
	for ctx := patient(t); len(f.alive()) > 1; {
		must(t, ctx.Err())
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
}

// A storm that comes to its end by itself is waited for to that end, and no longer.
func TestWaitForChain(t *testing.T) {
	f := newFixture(t)
	g := newGroup(t, procgroup.Options{})
	cmd := f.payload("chain", "20")
	start(t, g, cmd)
	must(t, cmd.Wait())
	must(t, g.Wait(patient(t)))
	f.wantNobody()
}
