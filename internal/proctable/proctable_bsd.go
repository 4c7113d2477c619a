//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package proctable

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Each of these systems has its own file with table, record, complete and measure:
// the process table, the line of one process in it, what it takes a look elsewhere to
// learn about a process, and what a process uses.

func all() ([]Entry, error) {
	records, err := table()
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(records))
	for i := range records {
		entries[i] = records[i].Entry
	}
	return entries, nil
}

func lookup(pid int) (Entry, error) {
	d, err := record(pid)
	return d.Entry, err
}

// find returns the line of a process, if it is the one with this identity.
func find(id ID) (Details, error) {
	d, err := record(id.PID)
	if err != nil {
		return Details{}, err
	}
	if d.ID != id {
		return Details{}, gone(id.PID)
	}
	return d, nil
}

func inspect(id ID) (Details, error) {
	d, err := find(id)
	if err != nil {
		return Details{}, err
	}
	complete(&d)
	// What was learned belongs to whoever had the number meanwhile.
	if _, err := find(id); err != nil {
		return Details{}, err
	}
	return d, nil
}

// signal looks whether the number is still that of the process and then signals the
// number: none of these systems has handles for processes that it did not start
// itself. A stranger is hit only if the process ends, is reaped and its number is given
// out again between two system calls that follow each other. The kernels do not hurry
// with that: they give a number out again when they have been through all the others
// (macOS, FreeBSD, NetBSD), or choose at random, but not among those that became free
// last (OpenBSD, and FreeBSD with kern.randompid), or wait ten seconds (DragonFly).
func signal(id ID, sig syscall.Signal) error {
	// To kill(2) these are not processes. In the table 0 is the kernel itself.
	if id.PID <= 0 {
		return gone(id.PID)
	}
	if _, err := find(id); err != nil {
		return err
	}
	err := unix.Kill(id.PID, sig)
	if errors.Is(err, unix.ESRCH) {
		return gone(id.PID)
	}
	return os.NewSyscallError("kill", err)
}

// younger is not to be had: numbers are given out at random (OpenBSD), or the last one
// is not told.
func younger(int) ([]Entry, bool) { return nil, false }

// resting goes by the state of the process, which the kernel sets when all threads stop;
// on DragonFly, where it does so before, record has asked for all threads.
func resting(id ID) bool {
	e, err := lookup(id.PID)
	return err == nil && e.ID == id && e.Alive() && e.State.atRest()
}
