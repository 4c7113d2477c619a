package cli

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// stopSelf stops this process with a signal that does that by default, and returns when
// it is continued, or at once if the kernel discards the signal. With wholeJob it stops
// our whole process group.
//
// The signal waits for us, blocked, before anybody else gets it: whoever sees others
// stopped and continues the job continues us too, since that undoes the signal.
func stopSelf(sig syscall.Signal, wholeJob bool) {
	withAction(sig, actionDefault, func() {
		withBlocked(sig, func() {
			_ = unix.Tgkill(unix.Getpid(), unix.Gettid(), sig)
			if wholeJob {
				_ = unix.Kill(0, sig)
			}
		})
	})
}

// sigaction is at least as large as the kernel's struct sigaction on every
// architecture. Its first word is the action on all but MIPS, where the calls below fail
// for the size of the signal set.
type sigaction [20]uintptr

const (
	actionDefault uintptr = 0 // SIG_DFL
	actionIgnore  uintptr = 1 // SIG_IGN

	sigsetSize = 8
)

// withAction calls f, in one thread, while a signal has another action than the Go
// runtime has given it. Package os/signal cannot do that: a signal that it has caught
// once never gets the default action back, Reset or not. SIGSTOP, of which the action
// cannot be changed, needs none.
func withAction(sig syscall.Signal, action uintptr, f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	wanted, before := sigaction{action}, sigaction{}
	set := func(to, from *sigaction) bool {
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig),
			uintptr(unsafe.Pointer(to)), uintptr(unsafe.Pointer(from)), sigsetSize, 0, 0)
		return errno == 0
	}
	if set(&wanted, &before) {
		defer set(&before, nil)
	}
	f()
}

// withBlocked calls f while its thread blocks a signal.
func withBlocked(sig syscall.Signal, f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var with, before unix.Sigset_t
	const bits = 8 * unsafe.Sizeof(with.Val[0])
	bit := uintptr(sig) - 1
	with.Val[bit/bits] |= 1 << (bit % bits)
	if unix.PthreadSigmask(unix.SIG_BLOCK, &with, &before) == nil {
		defer func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil) }()
	}
	f()
}
