package procgroup

import "golang.org/x/sys/unix"

// pipeCapacity returns how many bytes a pipe can hold (fcntl(2), F_GETPIPE_SZ).
func pipeCapacity(fd uintptr) int {
	n, err := unix.FcntlInt(fd, unix.F_GETPIPE_SZ, 0)
	if err != nil {
		return defaultPipeCapacity
	}
	return n
}
