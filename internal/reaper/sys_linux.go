package reaper

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/watch"
)

// watchInput calls notify when something has come to a descriptor.
func watchInput(fd int, notify func()) (stop func(), err error) { return watch.Input(fd, notify) }

// WaitAll makes wait4 see children that were cloned with another signal than SIGCHLD, or
// none, too (wait4(2), __WALL).
const WaitAll = unix.WALL

// blockSize is that of the blocks which getrusage(2) counts, whatever a device's are.
const blockSize = 512

// Acquire makes this process the parent of all below it who lose theirs.
func Acquire() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// Relinquish undoes Acquire for those who lose their parent from then on.
func Relinquish() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }

// AwaitExit waits until a child has ended, and leaves it to be reaped; with unix.WNOHANG
// among the options it does not wait. The error is ECHILD if there are no children.
func AwaitExit(options int) error {
	return unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOWAIT|WaitAll|options, nil)
}

// Children returns the numbers of the children of this process, zombies included.
func Children() []int {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil
	}
	var pids []int
	for _, thread := range threads {
		data, err := os.ReadFile("/proc/self/task/" + thread.Name() + "/children")
		if err != nil {
			continue // the thread has ended, and its children are another's
		}
		for field := range bytes.FieldsSeq(data) {
			if pid, err := strconv.Atoi(string(field)); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// groupOf returns the process group of a child, which may be a zombie.
func groupOf(pid int) (int, error) { return unix.Getpgid(pid) }

// ForbidDumps makes this process fit for CloneMirror.
func ForbidDumps() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// overtake has nothing to do: the kernel does not kill descendants.
func (*server) overtake() {}

// takeCgroup takes the cgroup of the command off the descriptors that came with its order.
func (spec *Spec) takeCgroup(files []int) (rest []int, err error) {
	if spec.Attr == nil || !spec.Attr.UseCgroupFD {
		return files, nil
	}
	if len(files) == 0 {
		return nil, syscall.EBADF
	}
	spec.Attr.CgroupFD = files[0]
	return files[1:], nil
}

// setDefault gives a signal its default action, which os/signal does not after it was
// caught once.
func setDefault(sig unix.Signal) {
	var action [5]uintptr // SIG_DFL; larger than the kernel's struct sigaction
	_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
}
