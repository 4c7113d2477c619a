//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd || windows

package procgroup_test

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/procgroup/procgroup"
)

// scenario is a tree of processes that is hard to hold.
type scenario struct {
	name    string
	payload []string
	ready   int                   // how many processes say that they are ready
	only    procgroup.Containment // Auto: for all
	// leaderGone: the leader exits, and is reaped, before the group is ended.
	leaderGone bool
	// heldBack: the payload begins only when the group was looked at: nobody looks again
	// in time to see where those who get away come from.
	heldBack bool
	// escapes tells from which containments it gets away. What a containment is not
	// expected to hold is tested as well: the table in docs/guarantees.md says so.
	escapes []procgroup.Containment
	// unsteady: whether it escapes there is a matter of chance.
	unsteady []procgroup.Containment
}

// scenarios are those of all systems. Files of systems add theirs.
var scenarios = []scenario{
	{name: "one process", payload: []string{"sleep"}, ready: 1},
	{name: "child tree", payload: []string{"tree", "3", "2"}, ready: 15},
	{
		name: "double fork", payload: []string{"await", "daemon", "sleep"}, ready: 2, heldBack: true,
		escapes: []procgroup.Containment{procgroup.Session},
	},
	{name: "ignored TERM, INT, HUP", payload: []string{"spawn", "ignore"}, ready: 1},
	{name: "leader gone, plain grandchild", payload: []string{"leave", "plain", "sleep"}, ready: 1, leaderGone: true},
	{name: "stopped member", payload: []string{"stopped"}, ready: 1},
}

// ends are the ways in which a group is ended. None may leave anybody.
var ends = []ending{
	{"Kill", func(t *testing.T, g *procgroup.Group) {
		must(t, g.Kill())
		must(t, g.Wait(patient(t)))
	}},
	{"Stop", func(t *testing.T, g *procgroup.Group) { must(t, g.Stop(patient(t))) }},
	{"Close", func(t *testing.T, g *procgroup.Group) { must(t, g.Close()) }},
	{"Stop paused", paused(func(t *testing.T, g *procgroup.Group) { must(t, g.Stop(patient(t))) })},
	{"Kill paused", paused(func(t *testing.T, g *procgroup.Group) {
		must(t, g.Kill())
		must(t, g.Wait(patient(t)))
	})},
	{"Close paused", paused(func(t *testing.T, g *procgroup.Group) { must(t, g.Close()) })},
}

type ending struct {
	name string
	end  func(*testing.T, *procgroup.Group)
}

func paused(end func(*testing.T, *procgroup.Group)) func(*testing.T, *procgroup.Group) {
	return func(t *testing.T, g *procgroup.Group) {
		must(t, g.Pause(patient(t)))
		end(t, g)
	}
}

func TestNobodyIsLeft(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		for _, s := range scenarios {
			for i, e := range ends {
				if brief(t) && i%3 != 0 {
					continue
				}
				t.Run(s.name+"/"+e.name, func(t *testing.T) { testEnd(t, c, s, e.end) })
			}
		}
	})
}

func testEnd(t *testing.T, c procgroup.Containment, s scenario, end func(*testing.T, *procgroup.Group)) {
	s.skipUnlessFor(t, c)
	f := newFixture(t)
	f.bystander()
	g := newGroup(t, procgroup.Options{Containment: c, Grace: graceFor(s)})
	cmd := f.begin(g, s)
	if s.leaderGone {
		must(t, cmd.Wait()) // its number is free from now on
	}

	end(t, g)

	switch {
	case slices.Contains(s.unsteady, c):
	case slices.Contains(s.escapes, c):
		if len(f.alive()) == 0 {
			t.Errorf("%s holds what it is not said to hold", c)
		}
	default:
		f.wantNobody()
	}
	if g.Active() {
		t.Error("the group is active at its end")
	}
}

// begin starts the tree of a scenario, and waits until it is what it is meant to be.
func (f *fixture) begin(g *procgroup.Group, s scenario) *exec.Cmd {
	f.t.Helper()
	cmd := f.payload(s.payload...)
	start(f.t, g, cmd)
	f.release(g, s)
	f.awaitReady(s.ready)
	return cmd
}

// release lets a payload that is held back begin.
func (f *fixture) release(g *procgroup.Group, s scenario) {
	if s.heldBack {
		f.awaitReady(1)
		must(f.t, second(g.Processes()))
		must(f.t, f.goOn.Close())
	}
}

func TestNobodyIsLeftByCancel(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		for _, s := range scenarios {
			t.Run(s.name, func(t *testing.T) { testCancel(t, c, s) })
		}
	})
}

func testCancel(t *testing.T, c procgroup.Containment, s scenario) {
	s.skipUnlessFor(t, c)
	f := newFixture(t)
	f.bystander()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cmd := f.tree(ctx, c, s.payload...)
	cmd.Leftovers = procgroup.WaitLeftovers // or the end of the leader would end it
	must(t, cmd.Start())
	f.release(cmd.Group(), s)
	f.awaitReady(s.ready)
	ended := make(chan error)
	go func() { ended <- cmd.Wait() }()

	cancel()

	err := <-ended
	var exit *exec.ExitError
	if s.escapesFrom(c) {
		return
	}
	if !errors.As(err, &exit) && !errors.Is(err, context.Canceled) {
		t.Errorf("Wait returned %v", err)
	}
	f.wantNobody()
}

// graceFor is the grace of a scenario: long enough where all members end by SIGTERM, so
// that a Stop that only kills is found, short where some do not.
func graceFor(s scenario) time.Duration {
	if slices.Contains(s.payload, "ignore") {
		return shortGrace
	}
	return graceOfHandlers
}

// shortGrace is the grace where nobody is going to end by being asked.
const shortGrace = 50 * time.Millisecond

func (s scenario) skipUnlessFor(t *testing.T, c procgroup.Containment) {
	if s.only != procgroup.Auto && s.only != c {
		t.Skipf("it is about %s", s.only)
	}
}

func (s scenario) escapesFrom(c procgroup.Containment) bool {
	return slices.Contains(s.escapes, c) || slices.Contains(s.unsteady, c)
}
