//go:build linux && !s390x

package reaper

import "syscall"

//go:norace
//go:nosplit
func cloneCall(flags uintptr) (uintptr, uintptr, syscall.Errno) {
	return syscall.RawSyscall6(syscall.SYS_CLONE, flags, 0, 0, 0, 0, 0)
}
