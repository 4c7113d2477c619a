package cli

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// awaitExit returns when the command has exited, and leaves it unreaped: until it is
// reaped, its number, which is that of its process group too, is nobody else's. If
// watch is set, it tells of each signal that stops the command.
func awaitExit(cmd *exec.Cmd, watch bool, stops chan<- syscall.Signal) error {
	events := unix.WEXITED
	if watch {
		events |= unix.WSTOPPED
	}
	for {
		// With WNOWAIT, since a stop and an exit may follow each other at any time and
		// the exit belongs to cmd.Wait.
		event, err := waitEvent(cmd.Process.Pid, events|unix.WNOWAIT)
		if err != nil {
			return err
		}
		if event.Code != cldStopped {
			return nil
		}
		// This takes in the stop, which would be told again, and nothing but a stop.
		stop, err := waitEvent(cmd.Process.Pid, unix.WSTOPPED|unix.WNOHANG)
		if err != nil && !errors.Is(err, unix.ECHILD) {
			return err
		}
		if err == nil && stop.Code == cldStopped {
			stops <- syscall.Signal(stop.Child.Status)
		}
	}
}

// cldStopped is the code of a stop (sigaction(2), CLD_STOPPED).
const cldStopped = 5

// childInfo is what of the kernel's siginfo_t is about a child. Its union is aligned as
// a pointer is.
type childInfo struct {
	Signo, Errno, Code int32
	Child              struct {
		_      [0]uintptr
		PID    int32
		UID    uint32
		Status int32
	}
}

// waitEvent is waitid(2) for a child of ours.
func waitEvent(pid, options int) (childInfo, error) {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, options, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return childInfo{}, os.NewSyscallError("waitid", err)
		}
		return *(*childInfo)(unsafe.Pointer(&info)), nil
	}
}
