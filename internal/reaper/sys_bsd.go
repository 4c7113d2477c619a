//go:build dragonfly || freebsd

package reaper

import (
	"errors"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/proctable"
	"github.com/procgroup/procgroup/internal/watch"
)

// watchInput calls notify when something has come to a descriptor.
func watchInput(fd int, notify func()) (stop func(), err error) { return watch.Input(fd, notify) }

// WaitAll has no counterpart here: wait4 sees all children.
const WaitAll = 0

// blockSize is 0 because getrusage(2) counts operations here, and not blocks.
const blockSize = 0

// Kinds of a number in procctl(2) and wait6(2).
const (
	onePID = 0 // P_PID
	allIDs = 7 // P_ALL
)

// procctl does something to this process: the kernel lets nobody else become a reaper.
func procctl(command int, data unsafe.Pointer) error {
	_, _, errno := syscall.Syscall6(unix.SYS_PROCCTL, onePID, uintptr(os.Getpid()), uintptr(command), uintptr(data), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("procctl", errno)
	}
	return nil
}

// Acquire makes this process the parent of all below it who lose theirs. That is not said
// of those who were below it before.
func Acquire() error {
	if err := procctl(acquireReaper, nil); err != nil && !errors.Is(err, alreadyReaper) {
		return err
	}
	return nil
}

// Relinquish undoes Acquire for everybody there is, for good: who is below this process now,
// and loses its parent after another Acquire, becomes a child of a process above.
func Relinquish() error { return procctl(releaseReaper, nil) }

// AwaitExit waits until a child has ended, and leaves it to be reaped; with unix.WNOHANG
// among the options it does not wait. The error is ECHILD if there are no children.
func AwaitExit(options int) error {
	var status int32
	_, _, errno := syscall.Syscall6(unix.SYS_WAIT6, allIDs, 0, uintptr(unsafe.Pointer(&status)),
		uintptr(unix.WEXITED|unix.WNOWAIT|options), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("wait6", errno)
	}
	return nil
}

// Children returns the numbers of the children of this process, zombies included. They are
// taken from the process table: DragonFly has no other list, and that of FreeBSD
// (PROC_REAP_GETPIDS) is of somebody else's children while this process is no reaper.
func Children() []int {
	table, err := proctable.All()
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range table {
		if e.Parent == os.Getpid() {
			pids = append(pids, e.PID)
		}
	}
	return pids
}

// groupOf returns the process group of a child, which may be a zombie: getpgid(2) does not
// find those here.
func groupOf(pid int) (int, error) {
	e, err := proctable.Lookup(pid)
	return e.Group, err
}

// ForbidDumps has nothing to do: there is no CloneMirror.
func ForbidDumps() error { return nil }

// takeCgroup takes nothing off the descriptors that came with an order: there are no cgroups.
func (*Spec) takeCgroup(files []int) (rest []int, err error) { return files, nil }

// setDefault gives a signal its default action, which os/signal does not after it was
// caught once.
func setDefault(sig unix.Signal) {
	var action [5]uintptr // SIG_DFL; larger than the kernel's struct sigaction
	_, _, _ = syscall.RawSyscall(unix.SYS_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0)
}
