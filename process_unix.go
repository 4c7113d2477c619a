//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import "github.com/procgroup/procgroup/internal/proctable"

var stateNames = map[proctable.State]ProcessState{
	proctable.Running:  Running,
	proctable.Sleeping: Sleeping,
	proctable.Blocked:  Blocked,
	proctable.Stopped:  Stopped,
}

// describe returns what the process table tells about a process.
func describe(id proctable.ID) (Process, error) {
	d, err := proctable.Inspect(id)
	if err != nil {
		return Process{}, err
	}
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
	}, nil
}
