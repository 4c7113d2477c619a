//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd || windows

package procgroup

import "github.com/procgroup/procgroup/internal/proctable"

var stateNames = map[proctable.State]ProcessState{
	proctable.Running:  Running,
	proctable.Sleeping: Sleeping,
	proctable.Blocked:  Blocked,
	proctable.Stopped:  Stopped,
}

// processOf returns the details of a process as the package shows them.
func processOf(d proctable.Details) Process {
	state, ok := stateNames[d.State]
	if !ok {
		state = Unknown
	}
	return Process{
		PID:       d.PID,
		Parent:    d.Parent,
		Name:      d.Name,
		Command:   d.Command,
		State:     state,
		StartTime: d.StartTime,
		User:      known(d.User),
		System:    known(d.System),
		Memory:    knownBytes(d.Resident),
		Threads:   known(d.Threads),
	}
}
