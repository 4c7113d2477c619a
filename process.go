package procgroup

import "time"

// Process describes a member of a group at one moment.
type Process struct {
	PID    int
	Parent int // the parent's number; 0 if it is outside the owner's PID namespace

	Name    string   // the name of the program, shortened by some kernels
	Command []string // its arguments, the first the program itself; nil if not readable

	State     ProcessState
	StartTime time.Time // with the resolution of the kernel's clock tick

	User, System Optional[time.Duration] // CPU time in user mode and in the kernel
	Memory       Optional[uint64]        // resident set size in bytes, shared pages included
	Threads      Optional[int]
}

// ProcessState says what a process is doing.
type ProcessState string

// The states that a member can be in. Zombies are not members: what remains of
// them is their exit status.
const (
	Running  ProcessState = "running"  // running, or ready to
	Sleeping ProcessState = "sleeping" // waiting for something, signals wake it
	Blocked  ProcessState = "blocked"  // waiting in the kernel, signals do not wake it (D)
	Stopped  ProcessState = "stopped"  // by a signal or by a debugger; on Windows: suspended
	Unknown  ProcessState = "unknown"  // anything else that the system may say
)
