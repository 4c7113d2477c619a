package reaper

import "syscall"

// Commands of procctl(2) on DragonFly (sys/procctl.h).
const (
	acquireReaper = 1 // PROC_REAP_ACQUIRE
	releaseReaper = 2 // PROC_REAP_RELEASE

	alreadyReaper = syscall.EALREADY
)

// overtake has nothing to do: the kernel does not kill descendants.
func (*server) overtake() {}
