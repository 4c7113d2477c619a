//go:build dragonfly || freebsd

package procgroup

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/reaper"
)

// reaperGuarantees are those of the containment Reaper. What a member that is alive has used
// for children that it has waited for is not in the process tables that are read here.
const reaperGuarantees = NoEscape | DiesWithOwner

// probeChildren tries whether a process can wait for its children without reaping them.
func probeChildren() error {
	if err := reaper.AwaitExit(unix.WNOHANG); err != nil && !errors.Is(err, unix.ECHILD) {
		return fmt.Errorf("the kernel does not tell who has ended: %w", err)
	}
	return nil
}

// directoryFlag: a directory that one may not read cannot be opened.
const directoryFlag = unix.O_RDONLY

// descriptorDir lists the descriptors of this process; on FreeBSD only the first three,
// unless fdescfs(5) is mounted there.
const descriptorDir = "/dev/fd"

func wantsPidFD(*syscall.SysProcAttr) bool { return false }

func cgroupOf(*syscall.SysProcAttr) (fd int, ok bool) { return -1, false }
