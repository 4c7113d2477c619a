package reaper

import "syscall"

// On s390x the stack comes first (clone(2)).
//
//go:norace
//go:nosplit
func cloneCall(flags uintptr) (uintptr, uintptr, syscall.Errno) {
	return syscall.RawSyscall6(syscall.SYS_CLONE, 0, flags, 0, 0, 0, 0)
}
