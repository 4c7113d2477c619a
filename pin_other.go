//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// pin is a hold on a process group. These systems have none.
type pin struct{}

func newPin(*os.Process) *pin { return nil }

func (*pin) exited() bool             { return false }
func (*pin) holds() bool              { return false }
func (*pin) signal(unix.Signal) error { return errors.ErrUnsupported }
func (*pin) close()                   {}
