//go:build linux || dragonfly || freebsd

package reaper

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// spins is how often killAll looks again at once, before it takes its time: a storm has to
// be outrun, a process that is stuck in the kernel has to be waited for.
const spins = 64

// killAll kills everybody below this process, until the kernel says that nobody is left, and
// no start is under way.
func (s *server) killAll() {
	pause := 50 * time.Microsecond
	for round := 0; s.killOnce(); round++ {
		s.reap()
		if round < spins {
			runtime.Gosched()
			continue
		}
		if round == spins {
			s.overtake()
		}
		time.Sleep(pause)
		pause = min(2*pause, 5*time.Millisecond)
	}
}

// killOnce kills the children that there are now, and the process groups that they are in,
// unless the killing is over, and tells whether it is not. Nobody is reaped meanwhile, so
// their numbers, and those of their groups, are their own.
func (s *server) killOnce() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.killing {
		return false
	}
	for _, pid := range Children() {
		KillChild(pid)
	}
	return true
}

// KillChild kills a child of this process, a helper, and the process group that it is in.
// It must not be reaped meanwhile, so that its number, and that of its group, are its own.
//
// Only members are in another group than ours: this process has a session of its own, and
// groups do not reach beyond one (setpgid(2)).
func KillChild(pid int) {
	if group, err := groupOf(pid); err == nil && group != unix.Getpgrp() {
		_ = unix.Kill(-group, unix.SIGKILL)
	}
	_ = unix.Kill(pid, unix.SIGKILL)
}
