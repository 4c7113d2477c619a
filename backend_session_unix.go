//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/proctable"
)

var sessionMechanism = mechanism{
	containment: Session,
	probe:       probeSession,
	guarded:     true,
	open:        func() (backend, error) { return newSessionBackend(), nil },
}

// probeSession tries whether the process table can be read: without it the members
// cannot be found.
var probeSession = sync.OnceValue(func() error {
	_, err := proctable.Lookup(os.Getpid())
	if err != nil {
		return fmt.Errorf("the process table cannot be read: %w", err)
	}
	return nil
})

// sessionBackend holds a group in sessions: one for each command, and each one that a
// member was seen to have started.
type sessionBackend struct {
	lockedCrowd
	sessions []*session
	prepared []int  // what the guardian knows prepared starts by
	kills    int    // how often kill was called
	notify   func() // nil if nobody watches
	closed   bool
}

var _ backend = (*sessionBackend)(nil)

func newSessionBackend() *sessionBackend {
	b := new(sessionBackend)
	b.crowd.look = b.refresh
	return b
}

func (b *sessionBackend) prepare(cmd *exec.Cmd) error {
	if _, err := ownSession(cmd); err != nil {
		return err
	}
	pending, err := holdPendingStart(cmd)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prepared = append(b.prepared, pending)
	return nil
}

func (b *sessionBackend) start(cmd *exec.Cmd, _ bool) (started, error) {
	undo, err := ownSession(cmd)
	if err != nil {
		return started{}, err
	}
	defer undo()
	b.mu.Lock()
	kills := b.kills
	b.mu.Unlock()
	pending, err := holdPendingStart(cmd)
	if err != nil {
		return started{}, err
	}
	if err := cmd.Start(); err != nil {
		theGuardian.drop(pending)
		return started{}, err
	}
	killed, err := b.add(cmd.Process, kills, pending)
	if err != nil {
		return started{}, errors.Join(err, abandon(cmd))
	}
	if killed {
		return started{}, gone(b.sweep(unix.SIGKILL))
	}
	return started{}, nil
}

// add adds the session that a process leads, and tells whether the group was killed
// since it had been killed so many times. The guardian knew of it by the number pending.
func (b *sessionBackend) add(leader *os.Process, kills, pending int) (killed bool, err error) {
	s := newSession(leader)
	s.entrust(pending)
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.pin != nil && b.notify == nil {
		b.guardIn(s, guardDelay)
	} else {
		entry, err := proctable.Lookup(leader.Pid)
		switch {
		case errors.Is(err, os.ErrProcessDone):
			s.free() // the owner ignores SIGCHLD, so the kernel has reaped it
			return false, nil
		case err != nil:
			s.free()
			return false, err
		}
		s.confirm([]proctable.Entry{entry})
		b.guard(s, []proctable.Entry{entry})
	}
	b.sessions = append(b.sessions, s)
	return b.kills != kills, nil
}

// ownSession makes cmd start in a session of its own (setsid(2)).
func ownSession(cmd *exec.Cmd) (undo func(), err error) {
	return editAttr(cmd, func(attr *syscall.SysProcAttr) error {
		switch {
		case attr.Setpgid:
			return conflict("Setpgid", Session)
		case attr.Foreground:
			return conflict("Foreground", Session)
		}
		attr.Setsid = true
		return nil
	})
}

func (b *sessionBackend) assign(pid int) (func() *os.Process, error) {
	leader, err := proctable.Lookup(pid)
	if err != nil {
		return nil, err
	}
	if leader.Session != pid || leader.Parent != os.Getpid() {
		return nil, fmt.Errorf("%w: the containment session takes in only children of the owner "+
			"that lead a session, as Prepare makes them", errors.ErrUnsupported)
	}
	b.mu.Lock()
	known := slices.ContainsFunc(b.sessions, func(s *session) bool { return s.number == pid })
	kills := b.kills
	b.mu.Unlock()
	if known {
		return nil, nil
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return nil, err
	}
	defer func() { _ = p.Release() }() // the pin has its own handle
	_, err = b.add(p, kills, b.takePrepared())
	return nil, err
}

// takePrepared returns what the guardian knows the oldest of the prepared starts by, 0 if
// there is none.
func (b *sessionBackend) takePrepared() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.prepared) == 0 {
		return 0
	}
	pending := b.prepared[0]
	b.prepared = b.prepared[1:]
	return pending
}

func (b *sessionBackend) resumeProcess(int) error { return nil }

func (b *sessionBackend) kill() error {
	b.mu.Lock()
	b.kills++
	b.mu.Unlock()
	return gone(b.sweep(unix.SIGKILL))
}

func (b *sessionBackend) empty() (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.emptyLocked()
}

func (b *sessionBackend) emptyLocked() (bool, error) {
	// Mostly a leader runs, and nothing else has to be known.
	if slices.ContainsFunc(b.sessions, (*session).leaderLives) {
		return false, nil
	}
	_, err := b.refresh()
	return len(b.sessions) == 0, err
}

func (b *sessionBackend) watch(notify func()) (stop func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notify = notify
	for _, s := range b.sessions {
		// One that was to be guarded later is guarded now.
		s.unguard()
		b.guard(s, []proctable.Entry{{ID: proctable.ID{PID: s.number}}})
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.notify = nil
	}, nil
}

func (b *sessionBackend) processes() ([]Process, error) {
	b.mu.Lock()
	members, err := b.refresh()
	b.mu.Unlock()
	return describeAll(members), err
}

func (b *sessionBackend) stats() (Stats, error) {
	b.mu.Lock()
	members, err := b.refresh()
	b.mu.Unlock()
	if err != nil {
		return Stats{}, err
	}
	total := Stats{
		User: known[time.Duration](0), System: known[time.Duration](0),
		ReadBytes: knownBytes(0), WriteBytes: knownBytes(0), Memory: knownBytes(0),
		Processes: known(0), Threads: known(0),
	}
	err = total.addMembers(members, false)
	return total, err
}

func (b *sessionBackend) release() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.freeLocked()
	return nil
}

func (b *sessionBackend) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	empty, err := b.emptyLocked()
	if err == nil && !empty {
		err = errOccupied
	}
	if err == nil {
		b.freeLocked()
	}
	return err
}

func (b *sessionBackend) freeLocked() {
	b.closed = true
	for _, s := range b.sessions {
		s.free()
	}
	b.sessions = nil
	for _, pending := range b.prepared {
		theGuardian.drop(pending)
	}
	b.prepared = nil
}
