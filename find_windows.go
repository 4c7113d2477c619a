package procgroup

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// findProcess is os.FindProcess, which says of a process that is gone that a parameter was
// wrong.
func findProcess(pid int) (*os.Process, error) {
	p, err := os.FindProcess(pid)
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		return nil, fmt.Errorf("process %d: %w", pid, os.ErrProcessDone)
	}
	return p, err
}
