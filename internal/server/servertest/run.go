// Package servertest has a run for tests that is nothing but its answers.
package servertest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
	"github.com/procgroup/procgroup/internal/server"
)

// Run is a run whose group there is not. Its methods note that they were called.
type Run struct {
	// Err is what everything that can fail returns, if it is not nil.
	Err error
	// Hang makes Pause wait for the end of its context.
	Hang bool
	// Lines are the log; LogErr comes after them.
	Lines  []control.LogLine
	LogErr error

	mu    sync.Mutex
	info  control.Info
	calls []string
	news  chan struct{} // closed at the next call
	over  chan struct{}
}

var _ server.Run = (*Run)(nil)

// New returns a run that tells this of itself.
func New(info control.Info) *Run {
	return &Run{info: info, news: make(chan struct{}), over: make(chan struct{})}
}

// End ends the run: those who wait for that, and followers of the log, get their answer.
func (r *Run) End() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.info.State = control.Exited
	r.info.Exit = &control.Exit{Status: 3, Reason: control.ReasonExited}
	close(r.over)
}

// Calls returns what was called, with arguments.
func (r *Run) Calls() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// Await waits until something was called, as Calls returns it, and reports whether it was in time.
func (r *Run) Await(call string) bool {
	return r.awaitThat(func() bool { return slices.Contains(r.calls, call) })
}

// AwaitCalls waits until so many calls were made, and reports whether they were in time.
func (r *Run) AwaitCalls(n int) bool {
	return r.awaitThat(func() bool { return len(r.calls) >= n })
}

// awaitThat waits until is returns true. It is called with the lock held.
func (r *Run) awaitThat(is func() bool) bool {
	limit := time.After(10 * time.Second)
	for {
		r.mu.Lock()
		reached, news := is(), r.news
		r.mu.Unlock()
		if reached {
			return true
		}
		select {
		case <-news:
		case <-limit:
			return false
		}
	}
}

func (r *Run) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, fmt.Sprintf(format, args...))
	close(r.news)
	r.news = make(chan struct{})
}

// Info returns what New was given, or the end.
func (r *Run) Info() control.Info {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.info
}

// Processes returns one process.
func (r *Run) Processes() ([]control.Process, error) {
	return []control.Process{{PID: 7, Name: "seven", State: procgroup.Sleeping}}, r.Err
}

// Stats returns one figure.
func (r *Run) Stats() (control.Stats, error) {
	return control.Stats{Memory: procgroup.Optional[uint64]{V: 1 << 20, Valid: true}}, r.Err
}

// Pause returns at once, unless Hang is set.
func (r *Run) Pause(ctx context.Context) error {
	r.note("pause")
	if r.Hang {
		<-ctx.Done()
		r.note("pause undone")
		return ctx.Err()
	}
	return r.Err
}

// Resume returns at once.
func (r *Run) Resume(context.Context) error {
	r.note("resume")
	return r.Err
}

// Kill returns at once.
func (r *Run) Kill() error {
	r.note("kill")
	return r.Err
}

// Stop waits for the end.
func (r *Run) Stop(ctx context.Context, o control.StopOptions) error {
	r.note("stop %v %q", o.Grace, o.Signal)
	if r.Err != nil {
		return r.Err
	}
	return r.await(ctx)
}

// Signal returns at once. A signal of the name "panic" is one.
func (r *Run) Signal(name string) error {
	r.note("signal %s", name)
	if name == "panic" {
		panic("signal")
	}
	return r.Err
}

// Wait waits for the end.
func (r *Run) Wait(ctx context.Context, until control.Until) (control.Info, error) {
	r.note("wait %s", until)
	if r.Err != nil {
		return control.Info{}, r.Err
	}
	err := r.await(ctx)
	return r.Info(), err
}

// Logs gives all lines, and a last one at the end to who follows.
func (r *Run) Logs(ctx context.Context, o control.LogOptions, line func(control.LogLine) error) error {
	r.note("logs %v %v %v", o.Tail, o.Since.UTC().Format(time.RFC3339Nano), o.Follow)
	for _, l := range r.Lines {
		if err := line(l); err != nil {
			return err
		}
	}
	if !o.Follow || r.LogErr != nil {
		return r.LogErr
	}
	if err := r.await(ctx); err != nil {
		return err
	}
	return line(control.LogLine{Stream: control.Procgroup, Text: "the end"})
}

func (r *Run) await(ctx context.Context) error {
	select {
	case <-r.over:
		return nil
	case <-ctx.Done():
		r.note("gone")
		return ctx.Err()
	}
}
