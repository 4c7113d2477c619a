//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/procgroup/procgroup/internal/helper"
)

// initialized: Init was called, so a helper would be one.
var initialized atomic.Bool

func initHelpers() {
	helper.Main(helperRoles)
	initialized.Store(true)
}

var errNoInit = fmt.Errorf("the program does not call procgroup.Init first in main: %w", errors.ErrUnsupported)
