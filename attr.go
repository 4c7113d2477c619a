//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd || windows

package procgroup

import (
	"os/exec"
	"syscall"
)

// editAttr gives cmd an edited copy of its SysProcAttr; undo gives it back what the
// caller had set. On an error cmd is unchanged.
func editAttr(cmd *exec.Cmd, edit func(*syscall.SysProcAttr) error) (undo func(), err error) {
	original := cmd.SysProcAttr
	attr := new(syscall.SysProcAttr)
	if original != nil {
		*attr = *original
	}
	if err := edit(attr); err != nil {
		return nil, err
	}
	cmd.SysProcAttr = attr
	return func() { cmd.SysProcAttr = original }, nil
}

// abandon ends a command that cannot be made a member.
func abandon(cmd *exec.Cmd) error {
	err := cmd.Process.Kill()
	_ = cmd.Wait() // killed is how it ends
	return err
}
