package reaper

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A mirror that has nothing to hand over need not be a program of its own: it is a fork of
// this process, which takes a tenth of the time. The Go runtime does not live in it, so it
// does nothing but system calls, on memory that was made before.

// mirrorMemory is what a forked mirror works with.
type mirrorMemory struct {
	name   [16]byte
	all    uint64     // every signal
	none   uint64     // no signal
	action [5]uintptr // SIG_DFL; larger than the kernel's struct sigaction
	limit  [2]uint64  // of the size of a core dump
	info   [128]byte  // struct signalfd_siginfo
	frame  [4]uint32  // the length, no descriptors, kind and value
	poll   [2]unix.PollFd
}

// CloneMirror makes a mirror that is not a child of this process but of its parent
// (CLONE_PARENT in clone(2)), and returns its number. The descriptor is its end of the
// connection to the reaper.
func CloneMirror(fd int) (pid int, err error) {
	m := &mirrorMemory{all: ^uint64(0), frame: [4]uint32{0: mirrorSize}}
	copy(m.name[:], "procgroup-mirror"[:15])
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// No signal may come before the mirror can deal with it.
	var every, before unix.Sigset_t
	for i := range every.Val {
		every.Val[i] = ^every.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &every, &before); err != nil {
		return 0, err
	}
	defer func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil) }()
	child, errno := cloneParent()
	if child == 0 && errno == 0 {
		runMirror(uintptr(fd), m)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(child), nil
}

//go:norace
//go:nosplit
func cloneParent() (uintptr, syscall.Errno) {
	flags := uintptr(unix.CLONE_PARENT) | uintptr(syscall.SIGCHLD)
	pid, _, errno := cloneCall(flags)
	return pid, errno
}

// runMirror never returns.
//
//go:norace
//go:nosplit
func runMirror(fd uintptr, m *mirrorMemory) {
	syscall.RawSyscall(syscall.SYS_PRCTL, unix.PR_SET_NAME, uintptr(unsafe.Pointer(&m.name)), 0)
	closeOthers(fd)
	signals, _, _ := syscall.RawSyscall6(unix.SYS_SIGNALFD4, ^uintptr(0), uintptr(unsafe.Pointer(&m.all)), 8, 0, 0, 0)
	m.poll[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	m.poll[1] = unix.PollFd{Fd: int32(signals), Events: unix.POLLIN}
	for {
		syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&m.poll)), 2, 0, 0, 0, 0)
		if m.poll[0].Revents != 0 {
			mirrorEnd(fd, m)
		}
		if m.poll[1].Revents != 0 {
			syscall.RawSyscall(syscall.SYS_READ, signals, uintptr(unsafe.Pointer(&m.info)), unsafe.Sizeof(m.info))
			m.frame[2] = uint32(signaled)
			m.frame[3] = *(*uint32)(unsafe.Pointer(&m.info)) // ssi_signo
			syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(&m.frame)), unsafe.Sizeof(m.frame))
		}
	}
}

// mirrorEnd ends the mirror as the reaper says.
//
//go:norace
//go:nosplit
func mirrorEnd(fd uintptr, m *mirrorMemory) {
	n, _, _ := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&m.frame)), unsafe.Sizeof(m.frame))
	sig := uintptr(unix.SIGKILL)
	if n == unsafe.Sizeof(m.frame) {
		if m.frame[2] == uint32(exited) {
			syscall.RawSyscall(syscall.SYS_EXIT_GROUP, uintptr(m.frame[3]), 0, 0)
		}
		sig = uintptr(m.frame[3])
	}
	self, _, _ := syscall.RawSyscall(syscall.SYS_GETPID, 0, 0, 0)
	syscall.RawSyscall6(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_CORE, uintptr(unsafe.Pointer(&m.limit)), 0, 0, 0)
	syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&m.action)), 0, 8, 0, 0)
	syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&m.none)), 0, 8, 0, 0)
	syscall.RawSyscall(syscall.SYS_KILL, self, sig, 0)
	syscall.RawSyscall(syscall.SYS_KILL, self, uintptr(unix.SIGKILL), 0)
}

// closeOthers closes all descriptors but one.
//
//go:norace
//go:nosplit
func closeOthers(keep uintptr) {
	const last = 1<<32 - 1
	var errno syscall.Errno
	if keep > 0 {
		_, _, errno = syscall.RawSyscall(unix.SYS_CLOSE_RANGE, 0, keep-1, 0)
	}
	if errno == 0 {
		syscall.RawSyscall(unix.SYS_CLOSE_RANGE, keep+1, last, 0)
		return
	}
	for fd := uintptr(0); fd < 4096; fd++ { // before Linux 5.9
		if fd != keep {
			syscall.RawSyscall(syscall.SYS_CLOSE, fd, 0, 0)
		}
	}
}

// setDefault gives a signal its default action, which os/signal does not after it was
// caught once.
func setDefault(sig unix.Signal) {
	var action mirrorMemory
	_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action.action)), 0, 8, 0, 0)
}
