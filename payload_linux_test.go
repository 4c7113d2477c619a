package procgroup_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/cgroup2"
)

func init() {
	payloads["many"] = payloadMany
	payloads["storm"] = payloadStorm
	payloads["chain"] = payloadChain
	payloads["vfork"] = payloadVfork
	payloads["subcgroup"] = payloadSubcgroup
	payloads["stray"] = payloadStray
	payloads["stopself"] = payloadStopSelf
}

// The processes below are forked without a program of their own, so that there can be
// many of them, and fast. The Go runtime does not live in them: they must do nothing
// but system calls, on memory that was made before.

// limit is when a forked process ends by itself.
var limit = syscall.Timespec{Sec: int64(payloadLimit / time.Second)}

// setAction sets what a signal does, which the Go runtime had set before: the first word is
// the handler (sigaction(2)), and all zeros are the default action.
//
//go:norace
//go:nosplit
func setAction(sig uintptr, action *[4]uint64) {
	syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(action)), 0, 8, 0, 0)
}

//go:norace
//go:nosplit
func fork() uintptr {
	pid, _, _ := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	return pid
}

//go:norace
//go:nosplit
func napAndExit(t *syscall.Timespec) {
	syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(t)), 0, 0)
	syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
}

// plainSignals makes the signals that tests send act as they do by default, in the
// processes that are forked from now on by this thread.
func plainSignals() {
	runtime.LockOSThread()
	var none unix.Sigset_t
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &none, nil)
}

// payloadMany has many children.
func payloadMany(args []string) {
	plainSignals()
	var action [4]uint64
	for range number(args) {
		if pid := fork(); pid == 0 {
			setAction(uintptr(unix.SIGTERM), &action)
			setAction(uintptr(unix.SIGUSR1), &action)
			napAndExit(&limit)
		}
	}
	ready()
	park()
}

// stormGenerations bounds a storm: some seconds, and so few processes that the numbers do
// not run out when it is let loose and the first process of the machine has to reap it.
const stormGenerations = 400

// payloadStorm forks as fast as it can: there are always so many processes, each of which
// forks one and exits, so that nobody has seen those who are there now. With "setsid" each
// of them also begins a session of its own.
//
// It reaps its orphans itself: the first process of some machines is so slow at it that
// the system would run out of process numbers.
func payloadStorm(args []string) {
	width := number(args[:1])
	setsid := len(args) > 1 && args[1] == "setsid"
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	ignored := [4]uint64{1} // SIG_IGN: the kernel reaps
	setAction(uintptr(unix.SIGCHLD), &ignored)
	plainSignals()
	var action [4]uint64
	short := syscall.Timespec{Nsec: int64(200 * time.Microsecond)}
	for range width {
		if pid := fork(); pid == 0 {
			setAction(uintptr(unix.SIGTERM), &action)
			setAction(uintptr(unix.SIGUSR1), &action)
			storm(setsid, stormGenerations, &short)
		}
	}
	ready()
	park()
}

// storm goes on in a child, and ends in its parent, again and again. Each has a nap first:
// otherwise there would be more and more who have forked and not yet exited.
//
//go:norace
//go:nosplit
func storm(setsid bool, generations int, short *syscall.Timespec) {
	for ; generations > 0; generations-- {
		if setsid {
			syscall.RawSyscall(syscall.SYS_SETSID, 0, 0, 0)
		}
		syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(short)), 0, 0)
		pid := int(fork())
		if pid > 0 {
			break
		}
		// Child, or no more processes are allowed now: try again.
	}
	syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
}

// payloadChain exits, and leaves a process that forks and exits, and so on, so many
// times.
func payloadChain(args []string) {
	plainSignals()
	links := number(args)
	var action [4]uint64
	line := []byte("ready 0\n")
	short := syscall.Timespec{Nsec: int64(time.Millisecond)}
	if pid := fork(); pid == 0 {
		setAction(uintptr(unix.SIGTERM), &action)
		chain(links, &line[0], len(line), &short)
	}
}

//go:norace
//go:nosplit
func chain(links int, line *byte, n int, short *syscall.Timespec) {
	syscall.RawSyscall(syscall.SYS_WRITE, 3, uintptr(unsafe.Pointer(line)), uintptr(n))
	for ; links > 0; links-- {
		syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(short)), 0, 0)
		if pid := fork(); pid != 0 {
			break
		}
	}
	syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
}

// payloadVfork is the parent of a child that it was forked with vfork(2): it is blocked
// in the kernel as long as the child lives.
func payloadVfork([]string) {
	plainSignals()
	line := []byte("ready 0\n")
	vfork(&line[0], len(line), &limit)
}

// vfork never returns, neither in the child nor in the parent, whose stack the child has
// written on.
//
//go:norace
//go:nosplit
func vfork(line *byte, n int, t *syscall.Timespec) {
	syscall.RawSyscall6(syscall.SYS_CLONE, unix.CLONE_VFORK|unix.CLONE_VM|uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	syscall.RawSyscall(syscall.SYS_WRITE, 3, uintptr(unsafe.Pointer(line)), uintptr(n))
	syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(t)), 0, 0)
	syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
}

// payloadSubcgroup moves to a cgroup that it makes below its own, with a child in one
// below that.
func payloadSubcgroup([]string) {
	own, err := cgroup2.Own()
	if err != nil {
		panic(err)
	}
	dir := own
	for i := range 2 {
		dir = dir.Child("made-by-member-" + strconv.Itoa(i))
		if err := dir.Make(); err != nil {
			panic(err)
		}
		if err := dir.Add(os.Getpid()); err != nil {
			panic(err)
		}
		spawn(nil, []string{"sleep"})
	}
	if err := os.Mkdir(filepath.Join(dir.Path, "empty"), 0o755); err != nil {
		panic(err)
	}
	ready()
	park()
}

// payloadStray moves to the cgroup above its own, which root may, and starts another
// payload there, in a session of its own.
func payloadStray(args []string) {
	own, err := cgroup2.Own()
	if err != nil {
		panic(err)
	}
	above := cgroup2.Dir{Path: filepath.Dir(own.Path), Name: filepath.Dir(own.Name)}
	if err := above.Add(os.Getpid()); err != nil {
		panic(err)
	}
	payloadLeave(append([]string{"setsid"}, args...))
	ready()
	park()
}

// payloadStopSelf stops itself. The signal goes to the thread that goes on afterwards: another
// one might be a moment late to stop it.
func payloadStopSelf([]string) {
	runtime.LockOSThread()
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGSTOP)
	say("woken")
	park()
}
