//go:build unix

package procgroup

import "syscall"

// readNow reads what is there from a descriptor that does not block.
func readNow(fd uintptr, buf []byte) int {
	for {
		n, err := syscall.Read(int(fd), buf)
		if err != syscall.EINTR {
			return n
		}
	}
}
