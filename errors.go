package procgroup

import (
	"errors"
	"os"
)

// Error is what the methods of this package return when they fail. Match it with
// [errors.As], and its kind and its cause with [errors.Is].
//
// Besides the kinds below these causes are told apart: [errors.ErrUnsupported]
// where this system or containment cannot do it, [os.ErrInvalid] for an argument
// that makes no sense, [os.ErrProcessDone] for a process that is gone, and
// whatever os/exec or the kernel said.
type Error struct {
	Op   string // the operation that failed: "new", "start", "pause" and so on
	Kind error  // ErrCreate, ErrAssign or ErrSignal, or nil where none of them fits
	Err  error  // what went wrong
}

var (
	// ErrCreate: the containment of a group could not be made.
	ErrCreate = errors.New("containment not created")

	// ErrAssign: a process could not be made a member.
	ErrAssign = errors.New("process not assigned")

	// ErrSignal: not every member could be signaled. The others were.
	ErrSignal = errors.New("signal not delivered to every member")

	// ErrNotStarted: the group never had a member.
	ErrNotStarted = errors.New("nothing was started in the group")

	// ErrPaused: the group is paused, or is about to be, so nothing can be started
	// in it. Resume ends that.
	ErrPaused = errors.New("group is paused")

	// ErrInterrupted: a Pause was at work when another call (Resume, Terminate, Stop or Kill)
	// let the group run.
	ErrInterrupted = errors.New("another call let the group run")

	// ErrClosed: the group was closed or released.
	ErrClosed = errors.New("group is closed")

	// ErrConflict: the command asks for something that the containment needs
	// differently, in its SysProcAttr. Nothing was started.
	ErrConflict = errors.New("conflicting process attributes")

	// ErrSurvivors: members were sent SIGKILL and are alive all the same, stuck in
	// the kernel most likely (state D), or out of the owner's reach.
	ErrSurvivors = errors.New("members survived being killed")
)

// Error says what failed, in the form "procgroup: op: cause".
func (e *Error) Error() string {
	text := "procgroup: " + e.Op
	if e.Kind != nil {
		text += ": " + e.Kind.Error()
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the kind and the cause, those of them that are set.
func (e *Error) Unwrap() []error {
	var under []error
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			under = append(under, err)
		}
	}
	return under
}

// fail returns nil for a nil err, and err as an Error of op else.
func fail(op string, kind, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Kind: kind, Err: err}
}

// gone returns nil for the error that says that nobody is left, and err else.
func gone(err error) error {
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
