//go:build linux || darwin || freebsd || netbsd || openbsd

package cli

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/proctable"
)

// orphaned reports whether there is nobody in our session who could continue our
// process group when it is stopped: no ancestor in another group of the session.
func orphaned() bool {
	found := false
	forAncestors(func(group int) bool {
		found = group != unix.Getpgrp()
		return !found
	})
	return !found
}

// forAncestors calls f with the process group of each ancestor in our session, the
// nearest first, until f returns false.
func forAncestors(f func(group int) bool) {
	session, err := unix.Getsid(0)
	if err != nil {
		return
	}
	for pid := os.Getppid(); pid > 0; {
		ancestor, err := proctable.Lookup(pid)
		if err != nil || ancestor.Session != session || !f(ancestor.Group) {
			return
		}
		pid = ancestor.Parent
	}
}
