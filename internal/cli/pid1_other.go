//go:build !linux

package cli

import (
	"errors"
	"io"
)

// isPID1 is false: no other system gives a container a process 1 of its own.
func isPID1() bool { return false }

func runAsPID1(runOptions, io.Writer) error { return errors.ErrUnsupported }

func tellPID1() {}
