//go:build unix

package procgroup

import (
	"os"
	"syscall"
)

// newPipe is os.Pipe, of which the reading end has deadlines.
func newPipe() (r, w *os.File, err error) { return os.Pipe() }

// readNow reads what is there from a descriptor that does not block.
func readNow(fd uintptr, buf []byte) int {
	for {
		n, err := syscall.Read(int(fd), buf)
		if err != syscall.EINTR {
			return n
		}
	}
}
