package procgroup

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// reaperGuarantees are those of the containment Reaper.
const reaperGuarantees = NoEscape | DiesWithOwner | Accounting

// probeChildren tries whether a process can find its children.
func probeChildren() error {
	if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid())); err != nil {
		return fmt.Errorf("the kernel does not list children (CONFIG_PROC_CHILDREN): %w", err)
	}
	return nil
}

// directoryFlag opens a directory that one may not read.
const directoryFlag = unix.O_PATH

// descriptorDir lists the descriptors of this process.
const descriptorDir = "/proc/self/fd"

func wantsPidFD(a *syscall.SysProcAttr) bool { return a.PidFD != nil }

// cgroupOf returns the cgroup that a command is to be cloned into.
func cgroupOf(a *syscall.SysProcAttr) (fd int, ok bool) { return a.CgroupFD, a.UseCgroupFD }
