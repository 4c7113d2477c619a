//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/proctable"
)

// crowd is how members are signaled and paused who are known from the process table
// alone: one after the other, looking again until nothing is new. Its methods are under
// the lock of the backend that it belongs to.
type crowd struct {
	look   func() ([]member, error) // lists the members alive
	paused []proctable.ID           // whom unpause has to wake
}

// lockedCrowd is a crowd with the lock of the backend that embeds it, and those of the
// backend's methods that need to know no more.
type lockedCrowd struct {
	mu    sync.Mutex
	crowd crowd
}

func (l *lockedCrowd) pause(ctx context.Context) error { return l.crowd.pause(ctx, &l.mu) }

func (l *lockedCrowd) unpause() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.crowd.unpause()
}

func (l *lockedCrowd) signal(sig os.Signal) error {
	number, err := unixSignal(sig)
	if err != nil {
		return err
	}
	return l.sweep(number)
}

func (l *lockedCrowd) sweep(sig syscall.Signal) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.crowd.sweep(sig)
}

func (l *lockedCrowd) terminate() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.crowd.terminate()
}

// member is a process of a group.
type member struct {
	proctable.Entry
	in *session // nil if the containment has none
}

// signal sends a signal to a member. Who is in the process group of a session's leader is
// reached with all others in it, at once, and with those that are just being forked; groups
// tells for which sessions that was done.
func (m member) signal(sig unix.Signal, groups map[*session]bool) error {
	if m.in != nil && m.Group == m.in.number {
		if groups[m.in] {
			return nil // it was there, or its parent was
		}
		// Some systems give EPERM when there are only zombies: go by the number then.
		if m.in.signalGroup(sig) == nil {
			groups[m.in] = true
			return nil
		}
	}
	return gone(proctable.Signal(m.ID, sig))
}

// crowdRounds is how often a sweep looks for new members before it gives up.
const crowdRounds = 32

var errTooRestless = errors.New("members are forked faster than they can be found")

// sweep sends a signal to every member, once to each, until it finds no more.
func (c *crowd) sweep(sig syscall.Signal) error {
	groups := make(map[*session]bool)
	reached := make(map[proctable.ID]bool)
	var errs []error
	for range crowdRounds {
		members, err := c.look()
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

// terminate asks every member to end.
func (c *crowd) terminate() error {
	// A member that is stopped has to run to get the first.
	return errors.Join(c.sweep(unix.SIGTERM), gone(c.sweep(unix.SIGCONT)))
}

// pause stops every member, and returns when it has seen that none runs. It lets go of the
// lock, which the caller does not hold, while it waits.
func (c *crowd) pause(ctx context.Context, mu *sync.Mutex) error {
	mu.Lock()
	defer mu.Unlock()
	var before map[proctable.ID]bool // who was stopped already
	stopped := 0                     // how many there were when all were last seen to stand still
	for pause := 200 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		members, err := c.look()
		if err != nil {
			return errors.Join(err, c.unpause())
		}
		if before == nil {
			before = stillOnes(members)
		}
		moving := c.halt(members, before)
		// Twice in a row: who was read first may have forked before it stood still.
		if moving == 0 && stopped == len(members) {
			return nil
		}
		stopped = -1
		if moving == 0 {
			stopped = len(members)
			continue
		}
		mu.Unlock() // a kill must not wait for a pause
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		mu.Lock()
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), c.unpause())
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
func (c *crowd) halt(members []member, before map[proctable.ID]bool) (moving int) {
	c.paused = c.paused[:0]
	groups := make(map[*session]bool)
	for _, m := range members {
		if before[m.ID] {
			continue
		}
		c.paused = append(c.paused, m.ID)
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

// unpause lets run whom pause has stopped.
func (c *crowd) unpause() error {
	var errs []error
	for _, id := range c.paused {
		err := proctable.Signal(id, unix.SIGCONT)
		if err != nil && !errors.Is(err, os.ErrProcessDone) {
			errs = append(errs, fmt.Errorf("process %d: %w", id.PID, err))
		}
	}
	c.paused = nil
	return errors.Join(errs...)
}

// describeAll returns what the process table tells about the members that are still there.
func describeAll(members []member) []Process {
	list := make([]Process, 0, len(members))
	for _, m := range members {
		if p, err := describe(m.ID); err == nil {
			list = append(list, p)
		}
	}
	return list
}

// describe returns what the process table tells about a process.
func describe(id proctable.ID) (Process, error) {
	d, err := proctable.Inspect(id)
	if err != nil {
		return Process{}, err
	}
	return processOf(d), nil
}

// addMembers adds what the members use, and have used; with reaped what those have used for
// whom they have waited, too.
func (s *Stats) addMembers(members []member, reaped bool) error {
	for _, m := range members {
		u, err := proctable.Measure(m.ID)
		if errors.Is(err, os.ErrProcessDone) {
			continue
		}
		if err != nil {
			return err
		}
		if reaped {
			u.User += u.ReapedUser
			u.System += u.ReapedSystem
		}
		if !m.Alive() {
			s.User.V += u.User
			s.System.V += u.System
			continue
		}
		s.add(Stats{
			User:       known(u.User),
			System:     known(u.System),
			ReadBytes:  knownBytes(u.ReadBytes),
			WriteBytes: knownBytes(u.WriteBytes),
			Memory:     knownBytes(u.Proportional),
			Processes:  known(1),
			Threads:    known(u.Threads),
		})
	}
	return nil
}
