//go:build dragonfly || freebsd

package procgroup

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// limitCount is more than there are limits (RLIM_NLIMITS in sys/resource.h).
const limitCount = 16

// takeImprint takes that of this process. The CPUs that it may run on, and its login class,
// are not in it.
func takeImprint() (imprint, error) {
	groups, err := os.Getgroups()
	if err != nil {
		return imprint{}, err
	}
	i := imprint{
		text:  fmt.Sprint(ids(unix.SYS_GETRESUID), ids(unix.SYS_GETRESGID), groups, ignoredSignals()),
		umask: umask(),
	}
	i.takeLimits()
	return i, nil
}

// ids returns the real, the effective and the saved user or group (getresuid(2)).
func ids(call uintptr) (list [3]uint32) {
	// It fails for bad addresses only.
	_, _, _ = syscall.RawSyscall(call, uintptr(unsafe.Pointer(&list[0])),
		uintptr(unsafe.Pointer(&list[1])), uintptr(unsafe.Pointer(&list[2])))
	return list
}

// ignoredSignals returns the signals that this process ignores.
func ignoredSignals() (list []int) {
	for sig := syscall.Signal(1); sig <= maxSignal; sig++ {
		if signal.Ignored(sig) {
			list = append(list, int(sig))
		}
	}
	return list
}

// umask returns that of this process, -1 on DragonFly, which does not tell it: to learn it
// by setting it would be to change it for all threads.
func umask() int {
	data, err := unix.SysctlRaw("kern.proc.umask", os.Getpid())
	if err != nil || len(data) < 2 {
		return -1
	}
	return int(binary.NativeEndian.Uint16(data))
}
