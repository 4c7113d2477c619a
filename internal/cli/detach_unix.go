//go:build unix

package cli

import (
	"os/exec"
	"syscall"
)

// setDetached makes a program outlive our terminal, which a session of its own has not.
func setDetached(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
