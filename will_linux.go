package procgroup

import (
	"os"

	"golang.org/x/sys/unix"
)

// newWillFile returns a file without a name (memfd_create(2), Linux 3.17).
func newWillFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("procgroup-will", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), "will"), nil
}
