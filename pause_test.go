//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd || windows

package procgroup_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/internal/proctable"
)

// spinner is a member that counts in a file for as long as it runs.
type spinner struct {
	t    *testing.T
	path string
}

func (f *fixture) startSpinner(g *procgroup.Group) spinner {
	s := spinner{f.t, filepath.Join(f.t.TempDir(), "count")}
	must(f.t, os.WriteFile(s.path, nil, 0o600))
	start(f.t, g, f.payload("spawn", "spin", s.path))
	f.awaitReady(1)
	return s
}

func (s spinner) count() string {
	data, err := os.ReadFile(s.path)
	must(s.t, err)
	return string(data)
}

// moves reports whether the member runs. That it does not can only be seen by waiting a
// while: long enough for thousands of its steps.
func (s spinner) moves() bool {
	before := s.count()
	time.Sleep(20 * time.Millisecond)
	return s.count() != before
}

func (s spinner) awaitMove() {
	s.t.Helper()
	before := s.count()
	for deadline := time.Now().Add(patience); s.count() == before; {
		if time.Now().After(deadline) {
			s.t.Fatal("the member does not run")
		}
	}
}

func TestPauseAndResume(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		member := f.startSpinner(g)
		for range 3 {
			must(t, g.Pause(patient(t)))
			must(t, g.Pause(patient(t))) // again changes nothing
			if !g.Paused() {
				t.Error("Paused is false after Pause")
			}
			if member.moves() {
				t.Error("a member runs after Pause")
			}
			must(t, g.Resume(patient(t)))
			must(t, g.Resume(patient(t)))
			if g.Paused() {
				t.Error("Paused is true after Resume")
			}
			member.awaitMove()
		}
	})
}

func TestPauseStopsEveryTree(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		for _, s := range scenarios {
			t.Run(s.name, func(t *testing.T) {
				s.skipUnlessFor(t, c)
				if s.escapesFrom(c) {
					t.Skipf("%s does not hold it", c)
				}
				f := newFixture(t)
				f.bystander()
				g := newGroup(t, procgroup.Options{Containment: c})
				f.begin(g, s)
				must(t, g.Pause(patient(t)))
				f.wantStill()
				must(t, g.Resume(patient(t)))
			})
		}
	})
}

// wantStill fails the test if somebody moves in a paused group.
func (f *fixture) wantStill() {
	f.t.Helper()
	before := f.alive()
	if len(before) == 0 {
		f.t.Fatal("nobody is alive to be paused")
	}
	for _, d := range before {
		if !looksPaused(d) {
			f.t.Errorf("a member of a paused group is not stopped: %v", summary([]proctable.Details{d}))
		}
	}
	time.Sleep(stillFor)
	wantSame(f.t, before, f.alive())
}

// wantSame fails the test if processes came, went or used the CPU.
func wantSame(t *testing.T, before, after []proctable.Details) {
	t.Helper()
	used := make(map[proctable.ID]time.Duration)
	for _, d := range before {
		used[d.ID] = d.User + d.System
	}
	for _, d := range after {
		cpu, ok := used[d.ID]
		if !ok {
			t.Errorf("a paused group has a new process: %v", summary([]proctable.Details{d}))
		} else if more := d.User + d.System - cpu; more > cpuNoise {
			t.Errorf("a paused process used the CPU for %v: %v", more, summary([]proctable.Details{d}))
		}
	}
	if len(after) < len(before) {
		t.Errorf("%d of %d processes of a paused group are gone", len(before)-len(after), len(before))
	}
}

func TestStartIntoPausedGroup(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		start(t, g, f.payload("sleep"))
		f.awaitReady(1)
		must(t, g.Pause(patient(t)))
		cmd := f.payload("sleep")
		if err := g.Start(cmd); !errors.Is(err, procgroup.ErrPaused) {
			t.Errorf("Start into a paused group: %v, want ErrPaused", err)
		}
		if err := g.Prepare(f.payload("sleep")); !errors.Is(err, procgroup.ErrPaused) {
			t.Errorf("Prepare for a paused group: %v, want ErrPaused", err)
		}
		if cmd.Process != nil {
			t.Error("a process was started into a paused group")
		}
		must(t, g.Resume(patient(t)))
		start(t, g, cmd) // the same command: nothing was done to it
		f.awaitReady(1)
	})
}

func TestResumeLeavesWhoStoppedItself(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		start(t, g, f.payload("stopped"))
		stopped := f.awaitReady(1)[0]
		member := f.startSpinner(g)
		must(t, g.Pause(patient(t)))
		must(t, g.Resume(patient(t)))
		member.awaitMove()
		d, err := inspect(stopped)
		must(t, err)
		if d.State != proctable.Stopped {
			t.Errorf("a member that had been stopped before is in state %d after Resume", d.State)
		}
	})
}

func TestTerminatePausedGroupRunsHandlers(t *testing.T) {
	needsHandlers(t)
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		for name, end := range map[string]func(*procgroup.Group) error{
			"Terminate": (*procgroup.Group).Terminate,
			"Stop":      func(g *procgroup.Group) error { return g.Stop(patient(t)) },
		} {
			t.Run(name, func(t *testing.T) {
				f := newFixture(t)
				g := newGroup(t, procgroup.Options{Containment: c, Grace: patience})
				cmd := f.payload("handle")
				start(t, g, cmd)
				f.awaitReady(1)
				must(t, g.Pause(patient(t)))
				must(t, end(g))
				if words, _ := f.hear(1); words[0] != gotSignal(askedToEnd) {
					t.Errorf("the handler says %q", words[0])
				}
				_ = cmd.Wait()
				if code := cmd.ProcessState.ExitCode(); code != 7 {
					t.Errorf("the member ended with %d, not by its handler", code)
				}
				if g.Paused() {
					t.Error("the group is paused still")
				}
			})
		}
	})
}

func TestPauseWithEndedContext(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		member := f.startSpinner(g)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := g.Pause(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Pause with an ended context: %v", err)
		}
		if err := g.Resume(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Resume with an ended context: %v", err)
		}
		member.awaitMove()
	})
}

func TestPauseOfGroupThatIsGone(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		start(t, g, f.payload("exit", "0"))
		must(t, g.Wait(patient(t)))
		must(t, g.Pause(patient(t)))
		must(t, g.Resume(patient(t)))
		must(t, g.Terminate())
		must(t, g.Kill())
		must(t, g.Pause(patient(t)))
		must(t, g.Kill())
		if g.Paused() {
			t.Error("the group is paused after Kill")
		}
	})
}
