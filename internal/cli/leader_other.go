//go:build !linux

package cli

import (
	"os/exec"
	"syscall"
)

// awaitExit waits for the command. Nothing here makes use of its number, or asks to be
// told when it stops.
func awaitExit(cmd *exec.Cmd, _ bool, _ chan<- syscall.Signal) error {
	return ignoreExit(cmd.Wait())
}
