package server

import (
	"context"

	"github.com/procgroup/procgroup/control"
)

// Run is what a server serves. Its methods are called from many goroutines. What it cannot do is
// told by errors that wrap those that the codes of package control stand for.
type Run interface {
	Info() control.Info
	Processes() ([]control.Process, error)
	Stats() (control.Stats, error)

	Pause(ctx context.Context) error
	Resume(ctx context.Context) error
	Kill() error
	// Stop returns when the run is over, or ctx is.
	Stop(ctx context.Context, o control.StopOptions) error
	// Signal sends the signal of a name, with or without SIG, or of a number.
	Signal(name string) error
	// Wait returns the run as it was when what is waited for had come.
	Wait(ctx context.Context, until control.Until) (control.Info, error)
	// Logs calls line for each line, until it returns an error, which Logs returns.
	Logs(ctx context.Context, o control.LogOptions, line func(control.LogLine) error) error
}
