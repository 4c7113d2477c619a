package control

import (
	"context"
	"errors"
	"os"

	"github.com/procgroup/procgroup"
)

// Error is how a run answers what it cannot do. Match it with [errors.Is] and the errors that
// its Code stands for.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

// Code says what kind of error it is.
type Code string

// The codes, and what they stand for.
const (
	CodeInvalid     Code = "invalid"     // [os.ErrInvalid]: the request makes no sense
	CodeNotFound    Code = "not-found"   // [ErrNotFound]: there is no such thing
	CodeNotStarted  Code = "not-started" // [procgroup.ErrNotStarted]: no command runs at the moment
	CodeEnded       Code = "ended"       // [ErrEnded]: the run is over
	CodeInterrupted Code = "interrupted" // [procgroup.ErrInterrupted]: a pause that another request has ended
	CodeTimeout     Code = "timeout"     // [os.ErrDeadlineExceeded]: it took too long
	CodeUnsupported Code = "unsupported" // [errors.ErrUnsupported]: not on this system
	CodeSurvivors   Code = "survivors"   // [procgroup.ErrSurvivors]: killed, and alive all the same
	CodeFailed      Code = "failed"      // anything else
)

var (
	// ErrNotFound: no run has this name or id.
	ErrNotFound = errors.New("no such group")

	// ErrAmbiguous: more than one id begins like that.
	ErrAmbiguous = errors.New("more than one group is meant")

	// ErrEnded: the run is over, so nothing can be done with its group.
	ErrEnded = errors.New("group has ended")

	// ErrSilent: the run is there, but does not answer. It may be stopped, or very busy.
	ErrSilent = errors.New("procgroup run does not answer")

	// ErrNoLog: the output of the run is not kept.
	ErrNoLog = errors.New("output is not kept")
)

func (e *Error) Error() string { return e.Message }

// codes are the errors that codes stand for. Of an error that is more than one of them, the first
// is told.
var codes = []struct {
	code Code
	err  error
}{
	{CodeNotFound, ErrNotFound},
	{CodeNotFound, ErrNoLog},
	{CodeEnded, ErrEnded},
	{CodeNotStarted, procgroup.ErrNotStarted},
	{CodeInterrupted, procgroup.ErrInterrupted},
	{CodeSurvivors, procgroup.ErrSurvivors},
	{CodeUnsupported, errors.ErrUnsupported},
	{CodeInvalid, os.ErrInvalid},
	{CodeTimeout, os.ErrDeadlineExceeded},
}

// CodeOf returns the code by which a run tells of an error, [CodeFailed] for one that no other code
// stands for. The end of a context's time is [CodeTimeout], too.
func CodeOf(err error) Code {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return CodeTimeout
	}
	return CodeFailed
}

// Is reports whether target is what the code stands for.
func (e *Error) Is(target error) bool {
	for _, c := range codes {
		if c.code == e.Code && c.err == target {
			return true
		}
	}
	return false
}
