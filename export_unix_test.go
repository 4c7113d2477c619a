//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

// DismissHelpers ends the helpers that are kept for the next group, and waits for their
// end, if no group needs them.
func DismissHelpers() {
	endIdle()
	theGuardian.endIfIdle()
	theGuardian.waiting.Wait()
}

// GuardianPID returns the number of the guardian, 0 if there is none.
func GuardianPID() int {
	theGuardian.mu.Lock()
	defer theGuardian.mu.Unlock()
	if theGuardian.conn == nil {
		return 0
	}
	return theGuardian.process.Pid
}

// endIdle ends other helpers that are kept.
var endIdle = func() {}
