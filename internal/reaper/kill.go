//go:build linux || dragonfly || freebsd

package reaper

import (
	"errors"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// spins is how often killAll looks again at once, before it takes its time: a storm has to
// be outrun, a process that is stuck in the kernel has to be waited for.
const spins = 64

// killAll kills everybody below this process, until the kernel says that nobody is left.
func (s *server) killAll() {
	pause := 50 * time.Microsecond
	for round := 0; ; round++ {
		s.killOnce()
		s.reap()
		if s.isAlone() {
			break
		}
		if round < spins {
			runtime.Gosched()
			continue
		}
		time.Sleep(pause)
		pause = min(2*pause, 5*time.Millisecond)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killing = false
}

// isAlone reports whether this process has no children, and gets none.
func (s *server) isAlone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT|waitAll, nil)
	return errors.Is(err, unix.ECHILD) && s.under == 0
}

// killOnce kills the children that there are now, and the process groups that they are in.
// Nobody is reaped meanwhile, so their numbers, and those of their groups, are their own.
func (s *server) killOnce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, pid := range Children() {
		KillChild(pid)
	}
}

// KillChild kills a child of this process, a helper, and the process group that it is in.
// It must not be reaped meanwhile, so that its number, and that of its group, are its own.
//
// Only members are in another group than ours: this process has a session of its own, and
// groups do not reach beyond one (setpgid(2)).
func KillChild(pid int) {
	if group, err := unix.Getpgid(pid); err == nil && group != unix.Getpgrp() {
		_ = unix.Kill(-group, unix.SIGKILL)
	}
	_ = unix.Kill(pid, unix.SIGKILL)
}
