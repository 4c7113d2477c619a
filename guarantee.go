package procgroup

import (
	"fmt"
	"os"
	"strings"
)

// Guarantees is a set of properties that a containment promises. The zero value
// is the empty set: nothing is promised.
type Guarantees uint

const (
	// NoEscape: whatever a member does, everything that it starts is a member too,
	// and Kill reaches it. Daemons, new sessions and fork storms included.
	//
	// With [Cgroup] it is the kernel that guarantees it, against every member that
	// may not write the cgroup.procs file of an ancestor of the group's cgroup.
	// Root may, and so may the user whom the subtree was delegated to: such a
	// member can move itself out, on purpose (cgroups(7), "Delegation containment").
	// [Options].WithReaper closes that.
	//
	// With [Reaper] it is the helper, as long as a member does not kill the guardian and
	// then the reaper, which one of the same user can.
	//
	// With [Job] it is the kernel: members are not allowed to break away.
	NoEscape Guarantees = 1 << iota

	// DiesWithOwner: when the owner dies, however it dies, the members are killed, by a
	// helper that is there before the first of them (see [Init]). With [Session] those are
	// the members that it holds. With [Job] the system kills them, without a helper
	// (JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE).
	DiesWithOwner

	// AtomicPause: Pause stops all members at once, in whatever they do, and no
	// member can tell or resist. Without it Pause stops one member after the other
	// until it finds none that runs.
	AtomicPause

	// Accounting: Stats counts members that have exited too.
	Accounting

	// ResourceLimits: limits on the resources of the group as a whole can be set
	// and are enforced. No containment has it yet.
	ResourceLimits
)

// guaranteeNames are the names of the guarantees, in the order of their bits.
var guaranteeNames = [...]string{
	"no-escape",
	"dies-with-owner",
	"atomic-pause",
	"accounting",
	"resource-limits",
}

// Has reports whether g holds all of want.
func (g Guarantees) Has(want Guarantees) bool { return g&want == want }

// String returns the names of the guarantees in g, comma separated, as in
// "no-escape,atomic-pause", or "none".
func (g Guarantees) String() string {
	if g == 0 {
		return "none"
	}
	return strings.Join(g.names(), ",")
}

func (g Guarantees) names() []string {
	var names []string
	for i, name := range guaranteeNames {
		if g.Has(1 << i) {
			names = append(names, name)
		}
	}
	if rest := g &^ (1<<len(guaranteeNames) - 1); rest != 0 {
		names = append(names, fmt.Sprintf("%#x", uint(rest)))
	}
	return names
}

// MarshalText returns what String does.
func (g Guarantees) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText reads a comma separated list of names, as String returns it.
// The empty text and "none" are the empty set. The error for a name that is not
// a guarantee's wraps [os.ErrInvalid].
func (g *Guarantees) UnmarshalText(text []byte) error {
	*g = 0
	if s := string(text); s == "" || s == "none" {
		return nil
	}
	for name := range strings.SplitSeq(string(text), ",") {
		bit, ok := guaranteeNamed(strings.TrimSpace(name))
		if !ok {
			*g = 0
			return fmt.Errorf("procgroup: no guarantee is called %q (there are %s): %w",
				name, strings.Join(guaranteeNames[:], ", "), os.ErrInvalid)
		}
		*g |= bit
	}
	return nil
}

func guaranteeNamed(name string) (Guarantees, bool) {
	for i, known := range guaranteeNames {
		if name == known {
			return 1 << i, true
		}
	}
	return 0, false
}
