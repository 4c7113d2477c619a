//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package cli

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/proctable"
)

// orphaned reports whether there is nobody in our session who could continue our
// process group when it is stopped: no ancestor in another group of the session, but for
// ourselves as process 1, which is no shell.
func orphaned() bool {
	found := false
	forAncestors(func(ancestor proctable.Entry) bool {
		found = ancestor.Group != unix.Getpgrp() && !isOurPID1(ancestor.PID)
		return !found
	})
	return !found
}

// isOurPID1 reports whether a process is number 1 and runs this program: see runAsPID1.
// Only Linux has both, and these files.
func isOurPID1(pid int) bool {
	if pid != 1 {
		return false
	}
	first, err := os.Stat("/proc/1/exe")
	if err != nil {
		return false
	}
	self, err := os.Stat("/proc/self/exe")
	return err == nil && os.SameFile(first, self)
}

// forAncestors calls f with each ancestor in our session, the nearest first, until f
// returns false.
func forAncestors(f func(proctable.Entry) bool) {
	session, err := unix.Getsid(0)
	if err != nil {
		return
	}
	for pid := os.Getppid(); pid > 0; {
		ancestor, err := proctable.Lookup(pid)
		if err != nil || ancestor.Session != session || !f(ancestor) {
			return
		}
		pid = ancestor.Parent
	}
}
