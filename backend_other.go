//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd || windows)

package procgroup

import (
	"errors"
	"os"
)

// mechanisms is empty: this system has no containment yet.
var mechanisms []mechanism

// awaitExit is never called, since no group can be made.
func awaitExit(*os.Process) error { return errors.ErrUnsupported }
