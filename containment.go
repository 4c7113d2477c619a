package procgroup

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Containment names a mechanism that holds the members of a group. The zero
// value is Auto.
type Containment string

const (
	// Auto stands for the strongest containment that works here.
	Auto Containment = ""

	// Cgroup is a Linux control group, version 2 (cgroups(7)), made for the group
	// below the cgroup that the owner is in. It needs write access there and Linux
	// 5.7, and works with unified and with hybrid cgroup layouts, for root and in
	// delegated subtrees. It guarantees NoEscape, AtomicPause and Accounting.
	Cgroup Containment = "cgroup"

	// Reaper starts the commands below a helper process that is the parent of all who
	// lose theirs, so that nobody can leave it, whatever sessions it makes. That is a
	// subreaper on Linux (PR_SET_CHILD_SUBREAPER in prctl(2), Linux 3.4), and a reaper on
	// FreeBSD and DragonFly (PROC_REAP_ACQUIRE in procctl(2)). It needs no privileges, only
	// [Init]. It guarantees NoEscape and DiesWithOwner, and on Linux Accounting.
	//
	// The command's parent is the helper, so cmd.Process is another process, the mirror,
	// which the owner can wait for: it passes on the signals that it gets, and ends as the
	// command has. [Group.Leader] is the command itself.
	Reaper Containment = "reaper"

	// Session gives each command a session of its own (setsid(2)) and finds the
	// members by it. It works on every Unix that this package knows. By itself it
	// guarantees nothing: a member that calls setsid has left, and is found only when
	// it was seen as somebody's child before its parent ended. With a guardian (see
	// [Init]) those whom it holds die with the owner.
	Session Containment = "session"

	// Job is a Windows job object, made for the group, that kills its members when its last
	// handle is closed: when the owner dies at the latest. It guarantees NoEscape,
	// DiesWithOwner and Accounting, and needs no privileges.
	Job Containment = "job"
)

// String returns the name of the containment; that of the zero value is "auto".
func (c Containment) String() string {
	if c == Auto {
		return "auto"
	}
	return string(c)
}

// MarshalText returns what String does.
func (c Containment) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a name as String returns it. The empty text is Auto. The
// error for an unknown name wraps [os.ErrInvalid].
func (c *Containment) UnmarshalText(text []byte) error {
	switch name := Containment(text); name {
	case Auto, "auto":
		*c = Auto
	case Cgroup, Reaper, Session, Job:
		*c = name
	default:
		return fmt.Errorf("procgroup: no containment is called %q (there are auto, cgroup, reaper, session, job): %w",
			text, os.ErrInvalid)
	}
	return nil
}

// mechanism is a containment that this system may offer. Each system lists its
// own, strongest first, in the variable mechanisms.
type mechanism struct {
	containment Containment
	guarantees  Guarantees
	found       func() Guarantees // more of them, found out by trying; nil if there are none
	guarded     bool              // a guardian can add DiesWithOwner
	withReaper  *mechanism        // the same with a reaper; nil if there is no such thing
	// probe tries whether the containment works for this process and says in
	// words why it does not. It keeps its conclusive answers.
	probe func() error
	// open makes the containment of one group.
	open func() (backend, error)
}

// promises returns what the containment guarantees by itself.
func (m mechanism) promises() Guarantees {
	if m.found != nil {
		return m.guarantees | m.found()
	}
	return m.guarantees
}

// offers returns what the containment guarantees with a guardian, or without one if there
// is a reason for that.
func (m mechanism) offers(guardErr error) Guarantees {
	if m.guarded && guardErr == nil {
		return m.promises() | DiesWithOwner
	}
	return m.promises()
}

// lack is the reason why the containment does not guarantee something.
func (m mechanism) lack(lacks Guarantees, guardErr error) error {
	err := fmt.Errorf("%s does not guarantee %s", m.containment, lacks)
	if m.guarded && lacks.Has(DiesWithOwner) && guardErr != nil {
		err = fmt.Errorf("%w (there is no guardian: %w)", err, guardErr)
	}
	return err
}

// Support tells whether a containment works here.
type Support struct {
	Containment Containment
	Guarantees  Guarantees // what it guarantees where it works
	Err         error      // nil if it works here, else why it does not
}

// Survey tells for each containment that this system knows, strongest first,
// whether it works for this process, and if not, why. The answers come from
// trying, not from version numbers. On a system without any it returns nothing.
func Survey() []Support {
	guardErr := theGuardian.hire()
	defer theGuardian.dismiss()
	found := make([]Support, 0, len(mechanisms))
	for _, m := range mechanisms {
		found = append(found, Support{m.containment, m.offers(guardErr), m.probe()})
	}
	return found
}

// choose returns the first of the mechanisms that opts allow and that works here.
// The error names what each of the others lacks. guardErr is the reason why there is no
// guardian, nil if there is one.
func choose(from []mechanism, opts Options, guardErr error) (mechanism, error) {
	var reasons []error
	for _, m := range from {
		if opts.WithReaper && m.withReaper != nil {
			m = *m.withReaper
		}
		if opts.Containment != Auto && opts.Containment != m.containment {
			continue
		}
		if lacks := opts.Require &^ m.offers(guardErr); lacks != 0 {
			reasons = append(reasons, m.lack(lacks, guardErr))
			continue
		}
		if err := m.probe(); err != nil {
			reasons = append(reasons, fmt.Errorf("%s is not available: %w", m.containment, err))
			continue
		}
		return m, nil
	}
	return mechanism{}, &unavailableError{opts, reasons}
}

// unavailableError says that no containment here meets the options.
type unavailableError struct {
	opts    Options
	reasons []error // one for each containment that was considered
}

func (e *unavailableError) Error() string {
	var b strings.Builder
	switch {
	case len(e.reasons) == 0 && e.opts.Containment != Auto:
		fmt.Fprintf(&b, "this system has no containment %s", e.opts.Containment)
	case e.opts.Require != 0:
		fmt.Fprintf(&b, "no containment here guarantees %s", e.opts.Require)
	default:
		b.WriteString("no containment works here")
	}
	for i, reason := range e.reasons {
		b.WriteString([]string{": ", "; "}[min(i, 1)])
		b.WriteString(reason.Error())
	}
	return b.String()
}

func (e *unavailableError) Unwrap() []error { return append(e.reasons, errors.ErrUnsupported) }
