package control

import (
	"time"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/internal/logline"
)

// Info is what a run tells about itself, at one moment.
type Info struct {
	ID   string `json:"id"`             // twelve hexadecimal digits, of this run alone
	Name string `json:"name,omitempty"` // as given by --name; "" if it has none

	State State `json:"state"`

	// Ready tells whether what --ready and its like wait for has come, since the command was
	// last started. It is absent where nothing is waited for.
	Ready procgroup.Optional[bool] `json:"ready,omitzero"`

	Command  []string `json:"command"`
	Dir      string   `json:"dir"`      // in which it was started
	Detached bool     `json:"detached"` // it has no terminal of its own

	// Owner is the process number of the run itself, and Leader that of the command; 0 if
	// there is none now. By itself a number is not an identity: it may mean another process
	// by the time it is looked at.
	Owner  int `json:"owner"`
	Leader int `json:"leader,omitempty"`

	Containment procgroup.Containment `json:"containment"`
	Guarantees  procgroup.Guarantees  `json:"guarantees"`

	Created time.Time `json:"created"`          // when the run began
	Started time.Time `json:"started,omitzero"` // when the command was last started
	Ended   time.Time `json:"ended,omitzero"`   // when the run ended

	// Exit tells how the command ended last; nil if it has not yet.
	Exit *Exit `json:"exit,omitempty"`

	Restart   string    `json:"restart"`             // the policy: "no", "always", "on-failure" or "on-failure:N"
	Restarts  int       `json:"restarts"`            // how often the command was started again
	Failures  int       `json:"failures,omitempty"`  // how often it has failed in a row, soon after its start
	NextStart time.Time `json:"next_start,omitzero"` // when it will be; only in the state Restarting

	Socket string `json:"socket"`        // what the run is served on
	Log    string `json:"log,omitempty"` // the file that its output goes to; "" if there is none
}

// State says what a run is doing.
type State string

// The states of a run.
const (
	Starting   State = "starting"   // the command was not started yet
	Running    State = "running"    // somebody in the group is alive
	Paused     State = "paused"     // nobody in it runs
	Stopping   State = "stopping"   // it was asked to end, and has its grace
	Restarting State = "restarting" // the command has ended, and will be started again
	Exited     State = "exited"     // the run is over
	Dead       State = "dead"       // the run was killed before it could end
	Silent     State = "silent"     // the run is there, but does not answer; the rest is from when it last did
)

// Live reports whether a run in this state is there to be told something.
func (s State) Live() bool { return s != Exited && s != Dead }

// Exit is how a command ended.
type Exit struct {
	// Status is the exit status as procgroup run gives it: the command's own, 128 and the
	// number of the signal that ended it, or 124 if the time limit did.
	Status int    `json:"status"`
	Signal string `json:"signal,omitempty"` // the name of that signal without SIG, such as "KILL"
	Reason Reason `json:"reason"`
}

// Reason says why a command ended.
type Reason string

// The reasons for which a command ends.
const (
	ReasonExited   Reason = "exited"    // by itself, with a status
	ReasonSignaled Reason = "signaled"  // of a signal
	ReasonStopped  Reason = "stopped"   // it was asked to end, and did within its grace
	ReasonKilled   Reason = "killed"    // procgroup has killed it, on request or after the grace
	ReasonTimeout  Reason = "timeout"   // the time limit was over
	ReasonNotReady Reason = "not-ready" // it was not ready in time
)

// Process is a member of a group at one moment; see [procgroup.Process].
type Process struct {
	PID       int                               `json:"pid"`
	Parent    int                               `json:"parent"`
	Name      string                            `json:"name"`
	Command   []string                          `json:"command"`
	State     procgroup.ProcessState            `json:"state"`
	StartTime time.Time                         `json:"start_time"`
	User      procgroup.Optional[time.Duration] `json:"user_ns"`   // CPU time in user mode, in nanoseconds
	System    procgroup.Optional[time.Duration] `json:"system_ns"` // and in the kernel
	Memory    procgroup.Optional[uint64]        `json:"memory"`    // in bytes
	Threads   procgroup.Optional[int]           `json:"threads"`
}

// Stats is what a group has used, and uses now; see [procgroup.Stats]. With restarts it is that
// of the group which there is now.
type Stats struct {
	Time       time.Time                         `json:"time"`      // when it was measured
	User       procgroup.Optional[time.Duration] `json:"user_ns"`   // CPU time in user mode, in nanoseconds
	System     procgroup.Optional[time.Duration] `json:"system_ns"` // and in the kernel
	ReadBytes  procgroup.Optional[uint64]        `json:"read_bytes"`
	WriteBytes procgroup.Optional[uint64]        `json:"write_bytes"`
	Memory     procgroup.Optional[uint64]        `json:"memory"` // in bytes
	MemoryPeak procgroup.Optional[uint64]        `json:"memory_peak"`
	Processes  procgroup.Optional[int]           `json:"processes"`
	Threads    procgroup.Optional[int]           `json:"threads"`
}

// StopOptions say how a run is stopped. The zero value takes what the run was started with.
type StopOptions struct {
	// Grace is the time between asking and killing. 0 kills at once; absent, it is that of the
	// run's --grace.
	Grace procgroup.Optional[time.Duration] `json:"grace_ns,omitzero"`

	// Signal is the name of the signal that asks, with or without SIG, or its number.
	// "" is that of the run's --signal.
	Signal string `json:"signal,omitempty"`
}

// Until says what Wait waits for.
type Until string

// What can be waited for.
const (
	UntilExit  Until = "exit"  // the command has ended, and is not started again
	UntilEmpty Until = "empty" // and nobody in the group is left
	UntilReady Until = "ready" // the run is ready, or over
)

// LogOptions choose what of a log is read: its Tail is the number of lines at the end that are
// wanted, absent for all of them; Since leaves out those from before; Follow goes on with what comes,
// until the run is over. The zero value is all that is kept.
type LogOptions = logline.Options

// LogLine is a line that a command has written: its Time, its Stream, its Text without the line
// break, in which there may be any bytes, and whether it is Partial and goes on in the next LogLine
// of the stream.
type LogLine = logline.Line

// Stream is where a line comes from.
type Stream = logline.Stream

// The streams of a log.
const (
	Stdout    = logline.Stdout    // the command's standard output
	Stderr    = logline.Stderr    // its standard error
	Procgroup = logline.Procgroup // what procgroup itself has to say
)
