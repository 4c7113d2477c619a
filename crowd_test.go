//go:build linux || windows

package procgroup_test

import (
	"strconv"
	"testing"

	"github.com/procgroup/procgroup"
)

// testMembers ends groups of so many members, and of the leader.
func testMembers(t *testing.T, many int) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		n := many
		if few(t) {
			n = 50
		}
		for _, e := range ends {
			t.Run(e.name, func(t *testing.T) {
				f := newFixture(t)
				g := newGroup(t, procgroup.Options{Containment: c, Grace: graceOfHandlers})
				start(t, g, f.payload("many", strconv.Itoa(n)))
				f.awaitReady(1)
				list, err := g.Processes()
				must(t, err)
				if len(list) != n+1 {
					t.Errorf("%d processes, want %d", len(list), n+1)
				}
				e.end(t, g)
				f.wantNobody()
			})
		}
	})
}

func TestPauseInForkStorm(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		start(t, g, f.payload("storm", stormWidth))
		f.awaitReady(1)
		for range 5 {
			must(t, g.Pause(patient(t)))
			f.wantStill()
			must(t, g.Resume(patient(t)))
		}
	})
}
