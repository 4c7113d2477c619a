package cgroup2

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// SweepRounds is how often a sweep looks for new members before it gives up.
	SweepRounds = 8

	// sweepBatch bounds the descriptors that a sweep holds at a time.
	sweepBatch = 128
)

// ErrRestless says that there were new members each time that a sweep looked.
var ErrRestless = errors.New("members are forked faster than they can be reached")

// Sweep sends a signal to the processes of a cgroup, once to each.
type Sweep struct {
	Signal  syscall.Signal
	Reached map[int]bool // by number, of those that were signaled
	Errs    []error      // of those that could not be
}

// Run signals members until a list of them has nobody new: when that list was begun,
// every member had been signaled. What a member forks after it was signaled is not
// forked before the signal has acted, since a pending signal makes fork start again.
//
// It returns ErrRestless if that does not come about, and at once if there are cgroups
// below, unless the members stand still: one may move from a cgroup that is yet to be
// listed to one that was.
func (s *Sweep) Run(d Dir, still bool) error {
	if s.Reached == nil {
		s.Reached = make(map[int]bool)
	}
	for range SweepRounds {
		pids, nested, err := d.Processes()
		if err != nil {
			return err
		}
		if nested && !still {
			return ErrRestless
		}
		fresh := slices.DeleteFunc(pids, func(pid int) bool { return s.Reached[pid] })
		if len(fresh) == 0 {
			return nil
		}
		for batch := range slices.Chunk(fresh, sweepBatch) {
			if err := s.signal(d, batch); err != nil {
				return err
			}
		}
	}
	return ErrRestless
}

// signal signals those of the processes that are members still.
//
// A number may have been given to somebody else since it was listed. But if the cgroup
// lists it after a pidfd was opened by it, and the process of that pidfd is still there
// when it is signaled, then it had the number all the time, and is the member.
func (s *Sweep) signal(d Dir, batch []int) error {
	pidfds := make(map[int]int, len(batch))
	defer func() {
		for _, fd := range pidfds {
			unix.Close(fd)
		}
	}()
	for _, pid := range batch {
		fd, err := unix.PidfdOpen(pid, 0)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return os.NewSyscallError("pidfd_open", err)
		}
		pidfds[pid] = fd
	}
	members, _, err := d.Processes()
	if err != nil {
		return err
	}
	for _, pid := range members {
		fd, ok := pidfds[pid]
		if !ok || s.Reached[pid] {
			continue
		}
		err := unix.PidfdSendSignal(fd, s.Signal, nil, 0)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			s.Errs = append(s.Errs, fmt.Errorf("process %d: %w", pid, err))
		}
		s.Reached[pid] = true
	}
	return nil
}
