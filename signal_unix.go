//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import (
	"fmt"
	"os"
	"syscall"
)

// unixSignal returns sig as the number that the kernel knows.
func unixSignal(sig os.Signal) (syscall.Signal, error) {
	number, ok := sig.(syscall.Signal)
	if !ok || number <= 0 || number > maxSignal {
		return 0, fmt.Errorf("%v is not a signal of this system: %w", sig, os.ErrInvalid)
	}
	return number, nil
}

// maxSignal is the highest number that a signal has on any of these systems: that of
// the real-time signals of Linux (signal(7)). The kernel refuses those it does not have.
const maxSignal = 64
