package procgroup

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/cgroup2"
)

const (
	// sweepRounds is how often a sweep looks for new members before it gives up.
	sweepRounds = 8

	// sweepBatch bounds the descriptors that a sweep holds at a time.
	sweepBatch = 128
)

// errRestless says that there were new members each time that a sweep looked.
var errRestless = errors.New("members are forked faster than they can be reached")

// sweep sends a signal to the processes of a cgroup, once to each.
type sweep struct {
	sig     syscall.Signal
	reached map[int]bool // by number, of those that were signaled
	errs    []error      // of those that could not be
}

// run signals members until a list of them has nobody new: when that list was begun,
// every member had been signaled. What a member forks after it was signaled is not
// forked before the signal has acted, since a pending signal makes fork start again.
//
// It returns errRestless if that does not come about, and at once if there are cgroups
// below, unless the members stand still: one may move from a cgroup that is yet to be
// listed to one that was.
func (s *sweep) run(d cgroup2.Dir, still bool) error {
	if s.reached == nil {
		s.reached = make(map[int]bool)
	}
	for range sweepRounds {
		pids, nested, err := d.Processes()
		if err != nil {
			return err
		}
		if nested && !still {
			return errRestless
		}
		fresh := slices.DeleteFunc(pids, func(pid int) bool { return s.reached[pid] })
		if len(fresh) == 0 {
			return nil
		}
		for batch := range slices.Chunk(fresh, sweepBatch) {
			if err := s.signal(d, batch); err != nil {
				return err
			}
		}
	}
	return errRestless
}

// signal signals those of the processes that are members still.
//
// A number may have been given to somebody else since it was listed. But if the cgroup
// lists it after a pidfd was opened by it, and the process of that pidfd is still there
// when it is signaled, then it had the number all the time, and is the member.
func (s *sweep) signal(d cgroup2.Dir, batch []int) error {
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
		if !ok || s.reached[pid] {
			continue
		}
		err := unix.PidfdSendSignal(fd, s.sig, nil, 0)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			s.errs = append(s.errs, fmt.Errorf("process %d: %w", pid, err))
		}
		s.reached[pid] = true
	}
	return nil
}
