//go:build linux || windows

package procgroup_test

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/procgroup/procgroup"
)

var ownerRounds = flag.Int("owner.rounds", 2, "how often an owner dies in each phase")

func init() {
	payloads["owner"] = payloadOwner
}

// payloadOwner is a program that has a group, and says so when it is in the phase in which
// the test wants it to die.
func payloadOwner(args []string) {
	procgroup.Init()
	var c procgroup.Containment
	if err := c.UnmarshalText([]byte(args[0])); err != nil {
		panic(err)
	}
	g, err := procgroup.New(procgroup.Options{Containment: c, Require: procgroup.DiesWithOwner})
	if err != nil {
		panic(err)
	}
	ownerPhases[args[1]](g, args[2:])
	park()
}

// ownerPhases bring a group into the state in which the owner dies.
var ownerPhases = map[string]func(g *procgroup.Group, tree []string){
	"before the first start": func(*procgroup.Group, []string) { ready() },
	"running":                startTree,
	"starting": func(g *procgroup.Group, tree []string) {
		ready()
		for {
			startTree(g, tree)
		}
	},
	"paused": func(g *procgroup.Group, tree []string) {
		startTree(g, tree)
		goOn()
		pauseAtLeisure(g)
		ready()
	},
	"pausing": func(g *procgroup.Group, tree []string) {
		startTree(g, tree)
		goOn()
		ready()
		for {
			pauseAtLeisure(g)
			if err := g.Resume(context.Background()); err != nil {
				panic(err)
			}
		}
	},
	"stopping": func(g *procgroup.Group, tree []string) {
		startTree(g, tree)
		goOn()
		ready()
		_ = g.Stop(context.Background())
	},
	"exiting": func(g *procgroup.Group, tree []string) {
		startTree(g, tree)
		goOn()
		os.Exit(3)
	},
	"panicking": func(g *procgroup.Group, tree []string) {
		startTree(g, tree)
		goOn()
		go func() { panic("as it should") }()
	},
}

func startTree(g *procgroup.Group, tree []string) {
	if err := g.Start(payloadCommand(tree...)); err != nil {
		panic(err)
	}
}

// payloadCommand is a payload as a command of this process's mark.
func payloadCommand(args ...string) *exec.Cmd { return payloadTelling(told(), nil, args) }

func pauseAtLeisure(g *procgroup.Group) {
	if err := g.Pause(context.Background()); err != nil {
		panic(err)
	}
}

// death is a way in which an owner dies.
type death struct {
	phase string
	tree  []string
	ready int // how many say so
	then  int // how many do when the owner may go on
	short bool
}

// byItself: the owner dies when it may go on.
const byItself = -1

var deaths = []death{
	{phase: "before the first start", ready: 1},
	{phase: "running", tree: []string{"tree", "2", "2"}, ready: 7},
	{phase: "running", tree: []string{"daemon", "sleep"}, ready: 2, short: true},
	{phase: "running", tree: []string{"stopped"}, ready: 1},
	{phase: "running", tree: []string{"many", strconv.Itoa(crowd)}, ready: 1},
	{phase: "starting", tree: []string{"spawn", "spawn", "release"}, ready: 4},
	{phase: "paused", tree: []string{"tree", "2", "2"}, ready: 7, then: 1, short: true},
	{phase: "pausing", tree: []string{"tree", "2", "2"}, ready: 7, then: 1},
	{phase: "stopping", tree: []string{"spawn", "ignore"}, ready: 1, then: 1},
	{phase: "exiting", tree: []string{"tree", "1", "2"}, ready: 3, then: byItself},
	{phase: "panicking", tree: []string{"tree", "1", "2"}, ready: 3, then: byItself},
}

func TestNobodyOutlivesTheOwner(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		for _, d := range deaths {
			t.Run(d.phase+" "+strings.Join(d.tree, " "), func(t *testing.T) {
				rounds := *ownerRounds
				switch {
				case c == procgroup.Session && slices.Contains(d.tree, "daemon"):
					t.Skip("a daemon has left the session")
				case brief(t) && !d.short:
					t.Skip("a part of the deaths is enough here")
				case brief(t):
					rounds = 1
				}
				for i := range rounds {
					t.Run(strconv.Itoa(i), func(t *testing.T) { testDeath(t, c, d) })
				}
			})
		}
	})
}

func testDeath(t *testing.T, c procgroup.Containment, d death) {
	f := newFixture(t)
	f.bystander()
	owner := f.owner(c, d.phase, d.tree...)
	f.awaitReady(d.ready)
	if d.then != 0 {
		must(t, f.goOn.Close())
	}
	if d.then != byItself {
		f.awaitReady(d.then)
		must(t, owner.Process.Kill())
	}
	_ = owner.Wait()
	f.awaitNobody(owner.Process.Pid)
}

// owner starts a program that has a group.
func (f *fixture) owner(c procgroup.Containment, phase string, tree ...string) *exec.Cmd {
	f.t.Helper()
	cmd := f.payload(append([]string{"owner", c.String(), phase}, tree...)...)
	if testing.Verbose() {
		cmd.Stderr = os.Stderr
	}
	must(f.t, cmd.Start())
	f.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd
}

// awaitNobody waits until nothing is left of a dead owner: no member, no helper, no cgroup.
func (f *fixture) awaitNobody(owner int) {
	f.t.Helper()
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		left := append(f.alive(), helpers(f.t, owner)...)
		dirs := cgroupsOf(f.t, owner)
		if len(left) == 0 && len(dirs) == 0 {
			return
		}
		if time.Now().After(deadline) {
			f.t.Errorf("after the death of the owner %v and %v are left", summary(left), dirs)
			return
		}
	}
}
