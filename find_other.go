//go:build !windows

package procgroup

import "os"

// findProcess is os.FindProcess.
func findProcess(pid int) (*os.Process, error) { return os.FindProcess(pid) }
