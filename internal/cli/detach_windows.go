package cli

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// setDetached makes a program outlive our console. It gets one of its own, which is not to be
// seen: without any, each command that it starts would open a window.
func setDetached(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		CreationFlags: windows.CREATE_NO_WINDOW | windows.CREATE_NEW_PROCESS_GROUP,
	}
}
