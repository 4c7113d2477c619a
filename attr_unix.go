//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import (
	"errors"
	"fmt"
	"os"
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

// conflict is the error for a field of SysProcAttr that a containment cannot keep.
func conflict(field string, c Containment) error {
	return fmt.Errorf("%w: SysProcAttr.%s cannot be set with the containment %s", ErrConflict, field, c)
}

// unixSignal returns sig as the number that the kernel knows.
func unixSignal(sig os.Signal) (syscall.Signal, error) {
	number, ok := sig.(syscall.Signal)
	if !ok || number <= 0 || number > maxSignal {
		return 0, fmt.Errorf("%v is not a signal of this system: %w", sig, os.ErrInvalid)
	}
	return number, nil
}

// gone returns nil for the error that says that nobody is left, and err else.
func gone(err error) error {
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// maxSignal is the highest number that a signal has on any of these systems: that of
// the real-time signals of Linux (signal(7)). The kernel refuses those it does not have.
const maxSignal = 64
