//go:build dragonfly || freebsd || netbsd || openbsd

package proctable

import (
	"errors"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Names of sysctl(3) that these systems have in common, by number. Package unix finds
// them by name, which takes many calls on NetBSD, does not know all of OpenBSD's, and
// does not try again when a table has grown.
const (
	ctlKern      = 1
	kernBoottime = 21
	kernProcPID  = 1
)

// sysctl returns what has this name. It asks for the size first if size is 0.
func sysctl(size uintptr, name ...int32) ([]byte, error) {
	for range 16 {
		n := size
		if n == 0 {
			if err := sysctlRaw(name, nil, &n); err != nil || n == 0 {
				return nil, err
			}
			n += n / 8 // more may come before the next call
		}
		data := make([]byte, n)
		err := sysctlRaw(name, &data[0], &n)
		if err == nil {
			return data[:n], nil
		}
		if !errors.Is(err, unix.ENOMEM) {
			return nil, err
		}
		size = 2 * uintptr(len(data))
	}
	return nil, os.NewSyscallError("sysctl", unix.ENOMEM)
}

// sysctlRaw is sysctl(3). On OpenBSD, too, which has no system calls except from libc,
// package syscall takes this number for the function of libc.
func sysctlRaw(name []int32, data *byte, n *uintptr) error {
	_, _, errno := syscall.Syscall6(syscall.SYS___SYSCTL,
		uintptr(unsafe.Pointer(&name[0])), uintptr(len(name)),
		uintptr(unsafe.Pointer(data)), uintptr(unsafe.Pointer(n)), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("sysctl", errno)
	}
	return nil
}

// records reads records of the process table.
func records(l *layout, size uintptr, name ...int32) ([]Details, error) {
	if !l.fromBoot {
		data, err := sysctl(size, name...)
		if err != nil {
			return nil, err
		}
		return l.parse(data, 0)
	}
	// Somebody may set the clock between the calls.
	before, err := bootTime()
	for err == nil {
		var data []byte
		if data, err = sysctl(size, name...); err != nil {
			break
		}
		var after int64
		if after, err = bootTime(); err == nil && after == before {
			return l.parse(data, before)
		}
		before = after
	}
	return nil, err
}

// one returns the only record that has this name.
func one(l *layout, pid int, name ...int32) (Details, error) {
	all, err := records(l, uintptr(l.size), name...)
	// FreeBSD says so, the others return nothing.
	if errors.Is(err, unix.ESRCH) || err == nil && len(all) == 0 {
		return Details{}, gone(pid)
	}
	if err != nil {
		return Details{}, err
	}
	return all[0], nil
}

// bootTime returns when the system was started, by the clock as it is set now, in
// microseconds.
func bootTime() (int64, error) {
	data, err := sysctl(unsafe.Sizeof(unix.Timeval{}), ctlKern, kernBoottime)
	if err != nil {
		return 0, err
	}
	return parseTimeval(data)
}

func measure(id ID) (Usage, error) {
	d, err := find(id)
	if err != nil {
		return Usage{}, err
	}
	return Usage{
		ReapedUser:   -1,
		ReapedSystem: -1,
		User:         d.User, System: d.System, Threads: d.Threads,
		Proportional: -1,
		// There are counts of blocks, of no certain size.
		ReadBytes: -1, WriteBytes: -1,
	}, nil
}
