//go:build linux || darwin || freebsd || netbsd || openbsd

package procgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/proctable"
)

var sessionMechanism = mechanism{
	containment: Session,
	probe:       probeSession,
	open:        func() (backend, error) { return new(sessionBackend), nil },
}

// probeSession tries whether the process table can be read: without it the members
// cannot be found.
func probeSession() error {
	_, err := proctable.Lookup(os.Getpid())
	if err != nil {
		return fmt.Errorf("the process table cannot be read: %w", err)
	}
	return nil
}

// sessionBackend holds a group in sessions: one for each command, and each one that a
// member was seen to have started.
type sessionBackend struct {
	mu       sync.Mutex
	sessions []*session
	kills    int // how often kill was called
	paused   []proctable.ID
	notify   func() // nil if nobody watches
	closed   bool
}

var _ backend = (*sessionBackend)(nil)

func (b *sessionBackend) prepare(cmd *exec.Cmd) error {
	_, err := ownSession(cmd)
	return err
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
	if err := cmd.Start(); err != nil {
		return err
	}
	leader, err := proctable.Lookup(cmd.Process.Pid)
	if errors.Is(err, os.ErrProcessDone) {
		return nil // the owner ignores SIGCHLD, so the kernel has reaped it
	}
	if err != nil {
		return errors.Join(err, abandon(cmd))
	}
	if b.add(leader) == kills {
		return nil
	}
	return b.sweep(unix.SIGKILL) // killed while it started
}

// abandon ends a command that cannot be made a member.
func abandon(cmd *exec.Cmd) error {
	err := cmd.Process.Kill()
	_ = cmd.Wait() // killed is how it ends
	return err
}

// add adds the session that a process leads, and returns how often the group had been
// killed by then.
func (b *sessionBackend) add(leader proctable.Entry) (kills int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &session{number: leader.PID, first: time.Now()}
	s.confirm([]proctable.Entry{leader})
	b.sessions = append(b.sessions, s)
	b.guard(s, []proctable.Entry{leader})
	return b.kills
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
	for _, s := range b.sessions {
		if s.isAnchor(leader.ID) {
			b.mu.Unlock()
			return nil
		}
	}
	b.mu.Unlock()
	b.add(leader)
	return nil
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
	err := b.sweep(unix.SIGKILL)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// sessionRounds is how often a sweep looks for new members before it gives up.
const sessionRounds = 32

// sweep sends a signal to every member, once to each, until it finds no more.
func (b *sessionBackend) sweep(sig syscall.Signal) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	groups := make(map[int]bool)
	reached := make(map[proctable.ID]bool)
	var errs []error
	for range sessionRounds {
		members, err := b.refresh()
		if err != nil {
			return err
		}
		calm := true
		for _, m := range members {
			if reached[m.ID] {
				continue
			}
			reached[m.ID] = true
			calm = false
			// The process group of a session's leader is reached at once, with those
			// that it is just forking. It cannot be another's: its number is the
			// session's, which was just seen to be ours (credentials(7)).
			if m.Group == m.Session {
				if groups[m.Group] && sig != unix.SIGKILL {
					continue // it was there, or its parent was
				}
				groups[m.Group] = true
				if unix.Kill(-m.Group, sig) == nil {
					continue
				}
				// Some systems give EPERM when it holds zombies only.
			}
			err := proctable.Signal(m.ID, sig)
			if err != nil && !errors.Is(err, os.ErrProcessDone) {
				errs = append(errs, fmt.Errorf("process %d: %w", m.PID, err))
			}
		}
		if calm {
			if len(reached) == 0 {
				return os.ErrProcessDone
			}
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
func stillOnes(members []proctable.Entry) map[proctable.ID]bool {
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
// A member in state Blocked cannot run before it has stopped: it counts as stopped. The
// parent of a vfork child that is stopped is one, for as long as the pause lasts.
func (b *sessionBackend) halt(members []proctable.Entry, before map[proctable.ID]bool) (moving int) {
	b.paused = b.paused[:0]
	groups := make(map[int]bool)
	for _, m := range members {
		if before[m.ID] {
			continue
		}
		b.paused = append(b.paused, m.ID)
		if m.State == proctable.Stopped {
			continue
		}
		if m.State != proctable.Blocked {
			moving++
		}
		if m.Group == m.Session {
			if groups[m.Group] || unix.Kill(-m.Group, unix.SIGSTOP) == nil {
				groups[m.Group] = true
				continue
			}
		}
		// Who cannot be stopped stays among the moving.
		_ = proctable.Signal(m.ID, unix.SIGSTOP)
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
	for _, s := range b.sessions {
		// Mostly the leader runs, and nothing else has to be known.
		if leader, err := proctable.Lookup(s.number); err == nil && leader.Alive() && s.isAnchor(leader.ID) {
			return false, nil
		}
	}
	_, err := b.refresh()
	return len(b.sessions) == 0, err
}

func (b *sessionBackend) watch(notify func()) (stop func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notify = notify
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

func (b *sessionBackend) release() error { return b.close() }

func (b *sessionBackend) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, s := range b.sessions {
		s.unguard()
	}
	b.sessions = nil
	return nil
}
