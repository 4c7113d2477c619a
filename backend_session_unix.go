//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import (
	"context"
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
	open:        func() (backend, error) { return new(sessionBackend), nil },
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
	mu       sync.Mutex
	sessions []*session
	prepared []uint64 // what the guardian knows prepared starts by
	kills    int      // how often kill was called
	paused   []proctable.ID
	notify   func() // nil if nobody watches
	closed   bool
}

var _ backend = (*sessionBackend)(nil)

func (b *sessionBackend) prepare(cmd *exec.Cmd) error {
	if _, err := ownSession(cmd); err != nil {
		return err
	}
	pending := holdPendingStart(cmd)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prepared = append(b.prepared, pending)
	return nil
}

func (b *sessionBackend) start(cmd *exec.Cmd) error {
	undo, err := ownSession(cmd)
	if err != nil {
		return err
	}
	defer undo()
	b.mu.Lock()
	kills := b.kills
	b.mu.Unlock()
	pending := holdPendingStart(cmd)
	defer theGuardian.drop(pending)
	if err := cmd.Start(); err != nil {
		return err
	}
	killed, err := b.add(cmd.Process, kills)
	if err != nil {
		return errors.Join(err, abandon(cmd))
	}
	if killed {
		return gone(b.sweep(unix.SIGKILL))
	}
	return nil
}

// abandon ends a command that cannot be made a member.
func abandon(cmd *exec.Cmd) error {
	err := cmd.Process.Kill()
	_ = cmd.Wait() // killed is how it ends
	return err
}

// add adds the session that a process leads, and tells whether the group was killed
// since it had been killed so many times.
func (b *sessionBackend) add(leader *os.Process, kills int) (killed bool, err error) {
	s := newSession(leader)
	var known proctable.ID
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
		known = entry.ID
		s.confirm([]proctable.Entry{entry})
		b.guard(s, []proctable.Entry{entry})
	}
	s.entrust(known)
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

func (b *sessionBackend) assign(pid int) error {
	leader, err := proctable.Lookup(pid)
	if err != nil {
		return err
	}
	if leader.Session != pid || leader.Parent != os.Getpid() {
		return fmt.Errorf("%w: the containment session takes in only children of the owner "+
			"that lead a session, as Prepare makes them", errors.ErrUnsupported)
	}
	b.mu.Lock()
	known := slices.ContainsFunc(b.sessions, func(s *session) bool { return s.number == pid })
	kills := b.kills
	b.mu.Unlock()
	if known {
		return nil
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	defer func() { _ = p.Release() }() // the pin has its own handle
	_, err = b.add(p, kills)
	b.dropPrepared()
	return err
}

// dropPrepared tells the guardian that the oldest of the prepared starts is over.
func (b *sessionBackend) dropPrepared() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.prepared) > 0 {
		theGuardian.drop(b.prepared[0])
		b.prepared = b.prepared[1:]
	}
}

func (b *sessionBackend) resumeProcess(int) error { return nil }

func (b *sessionBackend) signal(sig os.Signal) error {
	number, err := unixSignal(sig)
	if err != nil {
		return err
	}
	return b.sweep(number)
}

func (b *sessionBackend) terminate() error {
	// A member that is stopped has to run to get the first.
	return errors.Join(b.sweep(unix.SIGTERM), gone(b.sweep(unix.SIGCONT)))
}

func (b *sessionBackend) kill() error {
	b.mu.Lock()
	b.kills++
	b.mu.Unlock()
	return gone(b.sweep(unix.SIGKILL))
}

// sessionRounds is how often a sweep looks for new members before it gives up.
const sessionRounds = 32

// sweep sends a signal to every member, once to each, until it finds no more.
func (b *sessionBackend) sweep(sig syscall.Signal) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	groups := make(map[*session]bool)
	reached := make(map[proctable.ID]bool)
	var errs []error
	for range sessionRounds {
		members, err := b.refresh()
		if err != nil {
			return err
		}
		if sig == unix.SIGKILL {
			clear(groups) // twice does no harm, and reaches who has come since
		}
		calm := true
		for _, m := range members {
			if reached[m.ID] {
				continue
			}
			reached[m.ID] = true
			calm = false
			if err := m.signal(sig, groups); err != nil {
				errs = append(errs, fmt.Errorf("process %d: %w", m.PID, err))
			}
		}
		if calm && len(reached) == 0 {
			return os.ErrProcessDone
		}
		if calm {
			return errors.Join(errs...)
		}
	}
	return errors.Join(append(errs, errTooRestless)...)
}

var errTooRestless = errors.New("members are forked faster than they can be found")

func (b *sessionBackend) pause(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var before map[proctable.ID]bool // who was stopped already
	stopped := 0                     // how many there were when all were last seen to stand still
	for pause := 200 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		members, err := b.refresh()
		if err != nil {
			return errors.Join(err, b.unpauseLocked())
		}
		if before == nil {
			before = stillOnes(members)
		}
		moving := b.halt(members, before)
		// Twice in a row: who was read first may have forked before it stood still.
		if moving == 0 && stopped == len(members) {
			return nil
		}
		stopped = -1
		if moving == 0 {
			stopped = len(members)
			continue
		}
		b.mu.Unlock() // a kill must not wait for a pause
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		b.mu.Lock()
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), b.unpauseLocked())
		}
	}
}

// stillOnes returns the members that are stopped.
func stillOnes(members []member) map[proctable.ID]bool {
	still := make(map[proctable.ID]bool)
	for _, m := range members {
		if m.State == proctable.Stopped {
			still[m.ID] = true
		}
	}
	return still
}

// halt stops the members that are not stopped, and tells how many those were. It notes
// all whom unpause has to wake, which those that were stopped before are not.
//
// A member that is blocked in the kernel cannot run before it has stopped: it counts as
// stopped. The parent of a vfork child is one, for as long as the pause lasts.
func (b *sessionBackend) halt(members []member, before map[proctable.ID]bool) (moving int) {
	b.paused = b.paused[:0]
	groups := make(map[*session]bool)
	for _, m := range members {
		if before[m.ID] {
			continue
		}
		b.paused = append(b.paused, m.ID)
		resting := proctable.Resting(m.ID)
		if !resting {
			moving++
		} else if m.State == proctable.Stopped {
			continue
		}
		// Who cannot be stopped stays among the moving.
		_ = m.signal(unix.SIGSTOP, groups)
	}
	return moving
}

func (b *sessionBackend) unpause() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.unpauseLocked()
}

func (b *sessionBackend) unpauseLocked() error {
	var errs []error
	for _, id := range b.paused {
		err := proctable.Signal(id, unix.SIGCONT)
		if err != nil && !errors.Is(err, os.ErrProcessDone) {
			errs = append(errs, fmt.Errorf("process %d: %w", id.PID, err))
		}
	}
	b.paused = nil
	return errors.Join(errs...)
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
	if err != nil {
		return nil, err
	}
	list := make([]Process, 0, len(members))
	for _, m := range members {
		if p, err := describe(m.ID); err == nil { // else it is gone
			list = append(list, p)
		}
	}
	return list, nil
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
	for _, m := range members {
		u, err := proctable.Measure(m.ID)
		if errors.Is(err, os.ErrProcessDone) {
			continue
		}
		if err != nil {
			return Stats{}, err
		}
		total.add(Stats{
			User:       known(u.User),
			System:     known(u.System),
			ReadBytes:  knownBytes(u.ReadBytes),
			WriteBytes: knownBytes(u.WriteBytes),
			Memory:     knownBytes(u.Proportional),
			Processes:  known(1),
			Threads:    known(u.Threads),
		})
	}
	return total, nil
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
