package procgroup

import (
	"os"

	"golang.org/x/sys/windows"
)

// awaitExit blocks until the process has exited. Its number is nobody else's as long as p has
// its handle.
func awaitExit(p *os.Process) error {
	var err error
	handleErr := p.WithHandle(func(handle uintptr) {
		_, err = windows.WaitForSingleObject(windows.Handle(handle), windows.INFINITE)
	})
	if handleErr != nil {
		return gone(handleErr)
	}
	return os.NewSyscallError("WaitForSingleObject", err)
}
