package reaper

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Commands of procctl(2) on FreeBSD (sys/procctl.h).
const (
	acquireReaper = 2 // PROC_REAP_ACQUIRE
	releaseReaper = 3 // PROC_REAP_RELEASE
	reaperStatus  = 4 // PROC_REAP_STATUS
	reaperKill    = 6 // PROC_REAP_KILL

	alreadyReaper = syscall.EBUSY
)

// statusOwned is REAPER_STATUS_OWNED: the process that was asked about is a reaper itself.
const statusOwned = 1

// procctlStatus is struct procctl_reaper_status.
type procctlStatus struct {
	flags, children, descendants uint32
	reaper, pid                  int32
	_                            [15]uint32
}

// procctlKill is struct procctl_reaper_kill.
type procctlKill struct {
	signal  int32
	flags   uint32 // 0: everybody below, those too who are below reapers there
	subtree int32
	killed  uint32
	failed  int32
	_       [15]uint32
}

// overtake has the kernel kill everybody below this process, with those who are forked
// meanwhile. It waits for each of them to stand still (reap_kill_proc_locked in
// kern/kern_procctl.c), and for ever for one that is stuck: nobody waits for it, but nobody
// is told either that the group is empty, since the next group would be hit.
func (s *server) overtake() {
	s.mu.Lock()
	s.under++
	s.mu.Unlock()
	go func() {
		killDescendants()
		s.mu.Lock()
		s.settle()
		s.mu.Unlock()
		s.reap()
	}()
}

// killDescendants kills everybody below this process, if it is a reaper. Of one that is none
// the kernel would kill the siblings, up to all processes of the system.
func killDescendants() {
	var status procctlStatus
	if procctl(reaperStatus, unsafe.Pointer(&status)) != nil || status.flags&statusOwned == 0 {
		return
	}
	_ = procctl(reaperKill, unsafe.Pointer(&procctlKill{signal: int32(unix.SIGKILL)}))
}
