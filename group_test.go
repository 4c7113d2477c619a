//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd || windows

package procgroup_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/internal/proctable"
)

func TestWaitIsNeitherEarlyNorLate(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		for _, last := range [][]string{{"release"}, {"leave", "plain", "release"}} {
			t.Run(strings.Join(last, " "), func(t *testing.T) {
				f := newFixture(t)
				g := newGroup(t, procgroup.Options{Containment: c})
				start(t, g, f.payload(last...))
				f.awaitReady(1)
				waits := make(chan error, 3)
				for range 3 {
					go func() { waits <- g.Wait(patient(t)) }()
				}
				done := g.Done()
				short, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
				defer cancel()
				if err := g.Wait(short); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Wait with a member alive: %v", err)
				}
				select {
				case <-done:
					t.Error("Done with a member alive")
				case err := <-waits:
					t.Fatalf("Wait returned %v with a member alive", err)
				default:
				}
				if !g.Active() {
					t.Error("not active with a member alive")
				}
				must(t, f.goOn.Close()) // the last member exits now
				for range 3 {
					must(t, <-waits)
				}
				<-done
				f.wantNobody()
				must(t, g.Wait(patient(t))) // again
				if g.Active() {
					t.Error("active with nobody left")
				}
			})
		}
	})
}

// Whoever looks at a group as it becomes empty must not take the news from who waits for it.
func TestDoneBesideLooks(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		for range 50 {
			cmd := f.payload("exit", "0")
			start(t, g, cmd)
			done := g.Done()
			// Looks come to an end: one more would find what they have hidden.
			for g.Active() {
				_, err := g.Processes()
				must(t, err)
			}
			select {
			case <-done:
			case <-time.After(patience):
				t.Fatal("nobody is left, and Done does not tell")
			}
			must(t, cmd.Wait())
		}
	})
}

// The zombie of the leader is for its starter to reap: it keeps no group from being empty.
func TestZombiesDoNotCount(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		cmd := f.payload("exit", "3")
		start(t, g, cmd)
		must(t, g.Wait(patient(t)))
		list, err := g.Processes()
		if len(list) != 0 || err != nil {
			t.Errorf("Processes: %v, %v", list, err)
		}
		if err := g.Signal(harmless); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("Signal to nobody: %v, want os.ErrProcessDone", err)
		}
		if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 3 {
			t.Errorf("the command's own Wait: %v", err)
		}
	})
}

func TestGroupCanBeUsedAgain(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		var first *os.Process
		for range 5 {
			cmd := f.payload("spawn", "sleep")
			start(t, g, cmd)
			if first == nil {
				first = g.Leader()
			}
			f.awaitReady(1)
			done := g.Done()
			if !g.Active() {
				t.Error("not active after a start")
			}
			must(t, g.Kill())
			must(t, g.Kill())
			must(t, g.Wait(patient(t)))
			<-done
			f.wantNobody()
			// A start after a kill is not concerned by it.
			again := f.payload("exit", "4")
			start(t, g, again)
			_ = again.Wait()
			if code := again.ProcessState.ExitCode(); code != 4 {
				t.Errorf("a command started after Kill ended with %d: %v", code, again.ProcessState)
			}
			_ = cmd.Wait()
		}
		if first == nil || g.Leader() != first {
			t.Error("the leader is not the first command")
		}
	})
}

func TestManyCommandsFromManyGoroutines(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		const commands = 24
		var starts, waits sync.WaitGroup
		for range commands {
			cmd := f.payload("spawn", "sleep")
			starts.Go(func() {
				if err := g.Start(cmd); err != nil {
					t.Error(err)
					return
				}
				waits.Go(func() { _ = cmd.Wait() })
			})
		}
		f.awaitReady(commands)
		starts.Wait() // a member may be ready before the Start that made it has returned
		list, err := g.Processes()
		must(t, err)
		if len(list) != 2*commands {
			t.Errorf("%d processes, want %d", len(list), 2*commands)
		}
		must(t, g.Kill())
		must(t, g.Wait(patient(t)))
		waits.Wait()
		f.wantNobody()
	})
}

// A start beside a kill is killed, or not concerned. It is never half done.
func TestStartBesideKill(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		start(t, g, f.payload("exit", "0"))
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 5 {
					cmd := f.payload("exit", "0")
					if err := g.Start(cmd); err != nil {
						t.Error(err)
						continue
					}
					_ = cmd.Wait()
					if !cmd.ProcessState.Success() && !wasKilled(cmd.ProcessState) {
						t.Errorf("the command ended with %v", cmd.ProcessState)
					}
				}
			})
		}
		wg.Go(func() {
			for range 20 {
				if err := g.Kill(); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Wait()
		must(t, g.Wait(patient(t)))
	})
}

// A start beside a close is refused, or its process is killed: it does not slip through.
func TestStartBesideClose(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		for range 20 {
			g := newGroup(t, procgroup.Options{Containment: c})
			begun := make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				cmd := f.payload("spawn", "sleep")
				close(begun)
				err := g.Start(cmd)
				if err != nil && !errors.Is(err, procgroup.ErrClosed) {
					t.Error(err)
				}
				if cmd.Process != nil {
					_ = cmd.Wait()
				}
			})
			<-begun
			for range rand.IntN(3) {
				runtime.Gosched()
			}
			must(t, g.Close())
			wg.Wait()
			f.wantNobody()
		}
	})
}

// Whatever is at work beside a Close runs into nothing but that, also when nobody is left, which
// makes a Close short.
func TestAnythingBesideClose(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		for round := range 30 {
			g := newGroup(t, procgroup.Options{Containment: c})
			cmd := f.payload("exit", "0")
			must(t, g.Start(cmd))
			must(t, cmd.Wait())
			deeds := map[string]func() error{
				"pause":     func() error { return g.Pause(context.Background()) },
				"resume":    func() error { return g.Resume(context.Background()) },
				"processes": func() error { _, err := g.Processes(); return err },
				"stats":     func() error { _, err := g.Stats(); return err },
			}
			if round%3 == 0 { // these interrupt a Pause, mostly
				deeds["signal"] = func() error { return g.Signal(os.Interrupt) }
				deeds["terminate"] = g.Terminate
				deeds["kill"] = g.Kill
			}
			var wg sync.WaitGroup
			for what, do := range deeds {
				begun := make(chan struct{})
				wg.Go(func() { untilClosed(t, what, do, begun) })
				<-begun
			}
			must(t, g.Close())
			wg.Wait()
		}
	})
}

// untilClosed repeats what is done with a group until that is closed. It closes the channel after
// the first time.
func untilClosed(t *testing.T, what string, do func() error, begun chan<- struct{}) {
	fine := []error{nil, procgroup.ErrInterrupted, os.ErrProcessDone}
	err := do()
	close(begun)
	for !errors.Is(err, procgroup.ErrClosed) {
		if !slices.ContainsFunc(fine, func(f error) bool { return errors.Is(err, f) }) {
			t.Errorf("%s: %v", what, err)
			return
		}
		err = do()
	}
}

func TestSignalReachesEveryMember(t *testing.T) {
	needsHandlers(t)
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		f.bystander()
		g := newGroup(t, procgroup.Options{Containment: c})
		start(t, g, f.payload("spawn", "handle"))
		for _, way := range waysToHear {
			start(t, g, f.payload(way, "handle"))
		}
		want := f.awaitReady(1 + len(waysToHear))
		must(t, g.Signal(os.Interrupt)) // ends those who do not handle it
		words, got := f.hear(len(want))
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("%v got the signal, want %v", got, want)
		}
		for _, word := range words {
			if word != gotSignal(os.Interrupt) {
				t.Errorf("a member says %q", word)
			}
		}
	})
}

func TestProcesses(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		list, err := g.Processes()
		if len(list) != 0 || err != nil {
			t.Errorf("of a group that was never started: %v, %v", list, err)
		}
		cmd := f.payload("stopped")
		began := time.Now()
		start(t, g, cmd)
		f.awaitReady(1)
		awaitState(t, g, procgroup.Stopped)
		list, err = g.Processes()
		must(t, err)
		if len(list) != 2 {
			t.Fatalf("%d processes, want 2", len(list))
		}
		leader, child := list[0], list[1]
		if child.PID == leader.Parent {
			leader, child = child, leader
		}
		if leader.PID != leaderNumber(t, cmd.Args) || child.Parent != leader.PID {
			t.Errorf("wrong relations: %+v, %+v", leader, child)
		}
		if !slices.Equal(leader.Command, cmd.Args) {
			t.Errorf("the command line is %q, want %q", leader.Command, cmd.Args)
		}
		if !strings.HasPrefix(filepath.Base(cmd.Path), leader.Name) || leader.Name == "" {
			t.Errorf("the name is %q", leader.Name)
		}
		if d := leader.StartTime.Sub(began); d < -2*time.Second || d > patience {
			t.Errorf("it was started %v after the start", d)
		}
		if !leader.Memory.Valid || leader.Memory.V == 0 || !leader.User.Valid || !leader.Threads.Valid {
			t.Errorf("figures are absent: %+v", leader)
		}
	})
}

// leaderNumber returns the number of a group's only command, as the process table has it: the
// one with the arguments and, unless there is a helper in between, the owner as parent.
func leaderNumber(t *testing.T, args []string) int {
	t.Helper()
	table, err := proctable.All()
	must(t, err)
	for _, e := range table {
		d, err := proctable.Inspect(e.ID)
		if err != nil || !d.Alive() || !slices.Equal(d.Command, args) {
			continue
		}
		if e.Parent == os.Getpid() || isReaper(e.Parent) {
			return e.PID
		}
	}
	t.Fatal("the command is not in the process table")
	return 0
}

func isReaper(pid int) bool {
	e, err := proctable.Lookup(pid)
	if err != nil {
		return false
	}
	d, err := proctable.Inspect(e.ID)
	return err == nil && len(d.Command) > 0 && d.Command[0] == "procgroup reaper"
}

// awaitState waits until a member is in a state that it enters by itself.
func awaitState(t *testing.T, g *procgroup.Group, want procgroup.ProcessState) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); runtime.Gosched() {
		list, err := g.Processes()
		must(t, err)
		if slices.ContainsFunc(list, func(p procgroup.Process) bool { return p.State == want }) {
			return
		}
	}
	t.Fatalf("no member is %s", want)
}

func TestStats(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		const used = 200 * time.Millisecond
		start(t, g, f.payload("burn", "200"))
		f.awaitReady(1) // the child that used the CPU is gone now
		s, err := g.Stats()
		must(t, err)
		if told := cpuIsTold(); s.User.Valid != told || s.System.Valid != told {
			t.Fatalf("CPU time is told: want %v, got %+v", told, s)
		}
		if cpu := s.User.V + s.System.V; g.Guarantees().Has(procgroup.Accounting) && (cpu < used*9/10 || cpu > 10*used) {
			t.Errorf("CPU time is %v, members that are gone have used %v", cpu, used)
		}
		if s.Processes.Valid && s.Processes.V != 1 {
			t.Errorf("%d processes, want 1", s.Processes.V)
		}
		must(t, g.Kill())
		must(t, g.Wait(patient(t)))
		again, err := g.Stats()
		must(t, err)
		if g.Guarantees().Has(procgroup.Accounting) && again.User.V < s.User.V {
			t.Errorf("after Kill %v of %v are left", again.User.V, s.User.V)
		}
		start(t, g, f.payload("sleep"))
		f.awaitReady(1)
		again, err = g.Stats()
		must(t, err)
		if g.Guarantees().Has(procgroup.Accounting) && again.User.V < s.User.V {
			t.Errorf("after a start that followed a Kill %v of %v are left", again.User.V, s.User.V)
		}
	})
}

func TestReleaseLetsMembersLive(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		cmd := f.payload("tree", "2", "1")
		must(t, g.Start(cmd))
		f.awaitReady(3)
		must(t, g.Pause(patient(t)))
		done := g.Done()
		must(t, g.Release())
		<-done
		must(t, g.Close())
		alive := f.alive()
		if len(alive) != 3 {
			t.Errorf("%d members live on after Release and Close, want 3", len(alive))
		}
		for _, d := range alive {
			if d.State == proctable.Stopped {
				t.Errorf("a released member is stopped: %v", summary([]proctable.Details{d}))
			}
		}
		if err := g.Release(); !errors.Is(err, procgroup.ErrClosed) {
			t.Errorf("Release again: %v", err)
		}
		f.sweepUp()
		_ = cmd.Wait()
	})
}

func TestCommandIsAsTheCallerSetIt(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		dir, err := filepath.EvalSymlinks(t.TempDir())
		must(t, err)
		r, w, err := os.Pipe()
		must(t, err)
		defer r.Close()
		_, err = w.WriteString("seen\n")
		must(t, err)
		must(t, w.Close())
		cmd := f.payload("describe")
		cmd.Dir = dir
		cmd.Env = append(cmd.Env, "PROCGROUP_TEST_VALUE=mine")
		attr := handExtra(cmd, r)
		before := *attr
		cmd.SysProcAttr = attr
		out, err := cmd.StdoutPipe()
		must(t, err)
		start(t, g, cmd)
		var text strings.Builder
		buf := make([]byte, 512)
		for {
			n, err := out.Read(buf)
			text.Write(buf[:n])
			if err != nil {
				break
			}
		}
		must(t, cmd.Wait())
		want := fmt.Sprintf("dir=%s env=mine uid=%d extra=seen", dir, os.Getuid())
		if text.String() != want {
			t.Errorf("the command says %q, want %q", text.String(), want)
		}
		if cmd.SysProcAttr != attr || fmt.Sprint(*attr) != fmt.Sprint(before) {
			t.Errorf("SysProcAttr was changed: %+v", *cmd.SysProcAttr)
		}
	})
}

func TestPrepareAssignResume(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		cmd := f.payload("spawn", "sleep")
		args := cmd.Args
		must(t, g.Prepare(cmd))
		must(t, cmd.Start())
		must(t, g.Assign(cmd.Process.Pid))
		must(t, g.ResumeProcess(cmd.Process.Pid))
		f.awaitReady(1)
		if leader := leaderNumber(t, args); g.Leader() == nil || g.Leader().Pid != leader {
			t.Errorf("the leader is %v, want %d", g.Leader(), leader)
		}
		must(t, g.Assign(cmd.Process.Pid)) // again changes nothing
		list, err := g.Processes()
		if len(list) != 2 || err != nil {
			t.Errorf("%d processes, %v", len(list), err)
		}
		must(t, g.Kill())
		must(t, g.Wait(patient(t)))
		_ = cmd.Wait()
		f.wantNobody()
		if err := g.Assign(cmd.Process.Pid); !errors.Is(err, os.ErrProcessDone) || !errors.Is(err, procgroup.ErrAssign) {
			t.Errorf("Assign of a process that is gone: %v", err)
		}
	})
}

func TestAssignOfProcessStartedElsewhere(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		cmd := f.payload("release")
		must(t, cmd.Start())
		defer func() { _ = cmd.Wait() }()
		f.awaitReady(1)
		err := g.Assign(cmd.Process.Pid)
		if c == procgroup.Session || c == procgroup.Reaper {
			if !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, procgroup.ErrAssign) {
				t.Errorf("Assign: %v, want errors.ErrUnsupported", err)
			}
			must(t, f.goOn.Close())
			return
		}
		must(t, err)
		must(t, g.Kill())
		must(t, g.Wait(patient(t)))
		f.wantNobody()
	})
}

func TestErrors(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		ctx := patient(t)
		fresh := newGroup(t, procgroup.Options{Containment: c})
		closed := newGroup(t, procgroup.Options{Containment: c})
		must(t, closed.Close())
		must(t, closed.Close())
		started := f.payload("exit", "0")
		must(t, started.Run())

		for _, test := range []struct {
			name string
			want error
			err  error
		}{
			{"Start(nil)", os.ErrInvalid, fresh.Start(nil)},
			{"Start of a started command", os.ErrInvalid, fresh.Start(started)},
			{"Prepare(nil)", os.ErrInvalid, fresh.Prepare(nil)},
			{"Prepare of a started command", os.ErrInvalid, fresh.Prepare(started)},
			{"Start of what is not there", exec.ErrNotFound, fresh.Start(exec.Command("no-such-program-here"))},
			{"Start of a path that is not there", errNoProgram, fresh.Start(exec.Command("/no/such/program"))},
			{"Start of a directory", errDirectory, fresh.Start(exec.Command(t.TempDir()))},
			{"Start in a directory that is not there", fs.ErrNotExist, fresh.Start(&exec.Cmd{Path: started.Path, Dir: "/no/such/directory"})},
			{"Start with a null byte in an argument", syscall.EINVAL, fresh.Start(exec.Command(started.Path, "a\x00b"))},
			{"Assign(0)", os.ErrInvalid, fresh.Assign(0)},
			{"Assign(-1)", os.ErrInvalid, fresh.Assign(-1)},
			{"Assign of the owner", os.ErrInvalid, fresh.Assign(os.Getpid())},
			{"Assign of nobody", os.ErrProcessDone, fresh.Assign(started.Process.Pid)},
			{"ResumeProcess(0)", os.ErrInvalid, fresh.ResumeProcess(0)},
			{"Signal(nil)", os.ErrInvalid, fresh.Signal(nil)},
			{"Pause of a fresh group", procgroup.ErrNotStarted, fresh.Pause(ctx)},
			{"Resume of a fresh group", procgroup.ErrNotStarted, fresh.Resume(ctx)},
			{"Signal to a fresh group", procgroup.ErrNotStarted, fresh.Signal(syscall.SIGTERM)},
			{"Terminate of a fresh group", procgroup.ErrNotStarted, fresh.Terminate()},
			{"Kill of a fresh group", procgroup.ErrNotStarted, fresh.Kill()},
			{"Stop of a fresh group", procgroup.ErrNotStarted, fresh.Stop(ctx)},
			{"Wait for a fresh group", procgroup.ErrNotStarted, fresh.Wait(ctx)},
			{"Start in a closed group", procgroup.ErrClosed, closed.Start(f.payload("exit", "0"))},
			{"Prepare for a closed group", procgroup.ErrClosed, closed.Prepare(f.payload("exit", "0"))},
			{"Assign to a closed group", procgroup.ErrClosed, closed.Assign(started.Process.Pid)},
			{"ResumeProcess in a closed group", procgroup.ErrClosed, closed.ResumeProcess(1)},
			{"Pause of a closed group", procgroup.ErrClosed, closed.Pause(ctx)},
			{"Resume of a closed group", procgroup.ErrClosed, closed.Resume(ctx)},
			{"Signal to a closed group", procgroup.ErrClosed, closed.Signal(syscall.SIGTERM)},
			{"Terminate of a closed group", procgroup.ErrClosed, closed.Terminate()},
			{"Kill of a closed group", procgroup.ErrClosed, closed.Kill()},
			{"Stop of a closed group", procgroup.ErrClosed, closed.Stop(ctx)},
			{"Wait for a closed group", procgroup.ErrClosed, closed.Wait(ctx)},
			{"Processes of a closed group", procgroup.ErrClosed, second(closed.Processes())},
			{"Stats of a closed group", procgroup.ErrClosed, second(closed.Stats())},
			{"Release of a closed group", procgroup.ErrClosed, closed.Release()},
		} {
			if !errors.Is(test.err, test.want) {
				t.Errorf("%s: %v, want %v", test.name, test.err, test.want)
			}
			var e *procgroup.Error
			if !errors.As(test.err, &e) || e.Op == "" || !strings.HasPrefix(test.err.Error(), "procgroup: ") {
				t.Errorf("%s: %#v is not a *procgroup.Error", test.name, test.err)
			}
		}
		err := fresh.Start(&exec.Cmd{Path: started.Path, Dir: "/no/such/directory"})
		if err == nil || !strings.Contains(err.Error(), "chdir /no/such/directory") {
			t.Errorf("Start in a directory that is not there does not say so: %v", err)
		}
		if closed.Active() || fresh.Active() || closed.Paused() || fresh.Leader() != nil {
			t.Error("a group without members is active, paused or has a leader")
		}
		<-closed.Done()

		start(t, fresh, f.payload("sleep"))
		f.awaitReady(1)
		for sig, want := range notSignals {
			if err := fresh.Signal(sig); !errors.Is(err, want) || !errors.Is(err, procgroup.ErrSignal) {
				t.Errorf("Signal(%v): %v, want %v", sig, err, want)
			}
		}
		if len(f.alive()) != 1 {
			t.Error("an error did something to the member")
		}
	})
}

type notASignal struct{}

func (notASignal) Signal()        {}
func (notASignal) String() string { return "smoke" }

func second[T any](_ T, err error) error { return err }

func TestRequire(t *testing.T) {
	_, err := procgroup.New(procgroup.Options{Require: procgroup.ResourceLimits | procgroup.NoEscape})
	if !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, procgroup.ErrCreate) {
		t.Fatalf("New: %v, want errors.ErrUnsupported", err)
	}
	all := procgroup.Survey()
	weakest := all[len(all)-1].Containment.String()
	for _, part := range []string{"resource-limits", weakest + " does not guarantee"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
	_, err = procgroup.New(procgroup.Options{Containment: "chains"})
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "chains") {
		t.Errorf("New with an unknown containment: %v", err)
	}
	_, err = procgroup.New(procgroup.Options{Containment: procgroup.Session, Require: procgroup.NoEscape})
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("New with session and NoEscape: %v", err)
	}
	for _, s := range all {
		if s.Err != nil {
			continue
		}
		g := newGroup(t, procgroup.Options{Require: s.Guarantees})
		if !g.Guarantees().Has(s.Guarantees) {
			t.Errorf("required %s, got %s with %s", s.Guarantees, g.Containment(), g.Guarantees())
		}
	}
}

func TestManyGroupsInARow(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		rounds := 1000
		if few(t) {
			rounds = 20
		}
		for range rounds {
			g, err := procgroup.New(procgroup.Options{Containment: c})
			must(t, err)
			cmd := f.quick()
			must(t, g.Start(cmd))
			must(t, cmd.Wait())
			must(t, g.Wait(context.Background()))
			must(t, g.Close())
		}
		f.wantNobody()
	})
}

func TestManyGroupsAtOnce(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		n := 200
		if few(t) {
			n = 10
		}
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				g, err := procgroup.New(procgroup.Options{Containment: c})
				if err != nil {
					t.Error(err)
					return
				}
				cmd := f.sleeper()
				if err := g.Start(cmd); err != nil {
					t.Error(err, g.Close())
					return
				}
				if err := g.Stop(context.Background()); err != nil {
					t.Error(err)
				}
				_ = cmd.Wait()
				if err := g.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		f.wantNobody()
	})
}

// A kill that comes beside a close may be late, but it is no other group's.
func TestKillBesideCloseSparesOthers(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		rounds := 40
		if brief(t) {
			rounds = 10
		}
		for range rounds {
			g := newGroup(t, procgroup.Options{Containment: c})
			cmd := f.payload("exit", "0")
			must(t, g.Start(cmd))
			must(t, cmd.Wait())
			var kills sync.WaitGroup
			for range 3 {
				kills.Go(func() { _ = g.Kill() })
			}
			must(t, g.Close())
			other := newGroup(t, procgroup.Options{Containment: c})
			next := f.payload("exit", "4")
			must(t, other.Start(next))
			_ = next.Wait()
			if next.ProcessState.ExitCode() != 4 {
				t.Errorf("a command of another group ended with %v", next.ProcessState)
			}
			must(t, other.Close())
			kills.Wait()
		}
	})
}
