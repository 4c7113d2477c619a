package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
	"github.com/procgroup/procgroup/internal/runlog"
	"github.com/procgroup/procgroup/internal/server"
)

// remote is a run as the server sees it. What decides about the run is done by the runner's own
// goroutine, between two events (see do); the group itself is asked directly.
type remote struct{ *runner }

var _ server.Run = remote{}

// do has the runner do something, when it is at it. It does not while it starts the command or
// ends the group. Then it has ended the run, mostly.
func (r remote) do(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	select {
	case r.requests <- func() { result <- f() }:
		return <-result
	case <-r.ended:
		return control.ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// current returns the group that there is now.
func (r remote) current() (*procgroup.Group, error) {
	r.groupLock.Lock()
	defer r.groupLock.Unlock()
	switch {
	case r.group != nil:
		return r.group, nil
	case isClosed(r.ended):
		return nil, control.ErrEnded
	}
	return nil, procgroup.ErrNotStarted
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// between explains the error of a group that has been closed meanwhile.
func (r remote) between(err error) error {
	if !errors.Is(err, procgroup.ErrClosed) {
		return err
	}
	if _, now := r.current(); now != nil {
		return now
	}
	return fmt.Errorf("the command was just restarted: %w", procgroup.ErrNotStarted)
}

func (r remote) Info() control.Info {
	info, _ := r.presence.get()
	return info
}

func (r remote) Processes() ([]control.Process, error) {
	g, err := r.current()
	if errors.Is(err, procgroup.ErrNotStarted) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	members, err := g.Processes()
	if err != nil {
		return nil, r.between(err)
	}
	list := make([]control.Process, len(members))
	for i, m := range members {
		list[i] = control.Process(m)
	}
	return list, nil
}

func (r remote) Stats() (control.Stats, error) {
	g, err := r.current()
	if err != nil {
		return control.Stats{}, err
	}
	s, err := g.Stats()
	if err != nil {
		return control.Stats{}, r.between(err)
	}
	if !s.Processes.Valid {
		if members, err := g.Processes(); err == nil {
			s.Processes.V, s.Processes.Valid = len(members), true
		}
	}
	return control.Stats{
		Time: time.Now(), User: s.User, System: s.System, ReadBytes: s.ReadBytes, WriteBytes: s.WriteBytes,
		Memory: s.Memory, MemoryPeak: s.MemoryPeak, Processes: s.Processes, Threads: s.Threads,
	}, nil
}

func (r remote) Pause(ctx context.Context) error {
	g, err := r.current()
	if err == nil {
		err = r.between(g.Pause(ctx))
	}
	if err != nil {
		return err
	}
	return r.do(context.WithoutCancel(ctx), r.notePause) // also if who has asked is gone
}

func (r remote) Resume(ctx context.Context) error {
	g, err := r.current()
	if err == nil {
		err = r.between(g.Resume(ctx))
	}
	if err != nil {
		return err
	}
	return r.do(context.WithoutCancel(ctx), r.notePause) // also if who has asked is gone
}

func (r remote) Signal(name string) error {
	sig, err := parseSignal(name)
	if err != nil {
		return fmt.Errorf("signal %q: %w: %w", name, err, os.ErrInvalid)
	}
	g, err := r.current()
	if err == nil {
		err = r.between(send(g, sig))
	}
	if errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("nobody is left: %w", control.ErrEnded)
	}
	return err
}

func (r remote) Kill() error {
	return r.do(context.Background(), func() error {
		r.stopping = true
		return r.killAll()
	})
}

func (r remote) Stop(ctx context.Context, o control.StopOptions) error {
	sig, grace := r.signal, r.grace
	if o.Signal != "" {
		var err error
		if sig, err = parseSignal(o.Signal); err != nil {
			return fmt.Errorf("signal %q: %w: %w", o.Signal, err, os.ErrInvalid)
		}
	}
	if o.Grace.Valid {
		grace = o.Grace.V
	}
	if grace < 0 {
		return fmt.Errorf("grace %v: %w", grace, os.ErrInvalid)
	}
	err := r.do(ctx, func() error {
		r.stopping = true
		r.askToEnd(sig, grace)
		return nil
	})
	if err != nil {
		return err
	}
	_, err = r.Wait(ctx, control.UntilEmpty)
	return err
}

func (r remote) Wait(ctx context.Context, until control.Until) (control.Info, error) {
	for {
		info, changed := r.presence.get()
		if r.hasCome(until, info) {
			return info, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return control.Info{}, ctx.Err()
		}
	}
}

// hasCome reports whether what somebody waits for has come.
func (r remote) hasCome(until control.Until, info control.Info) bool {
	over := info.State == control.Exited
	switch until {
	case control.UntilExit:
		// Mostly the run ends with its command, and who has waited can forget it.
		goesOn := r.leftovers == procgroup.WaitLeftovers && r.restart.on == restartNever
		return over || goesOn && info.Exit != nil
	case control.UntilReady:
		return over || info.Ready.V || !info.Ready.Valid && !info.Started.IsZero()
	}
	return over
}

func (r remote) Logs(ctx context.Context, o control.LogOptions, line func(control.LogLine) error) error {
	if r.log == nil {
		return control.ErrNoLog
	}
	var changed func() (<-chan struct{}, bool)
	if o.Follow {
		changed = r.log.Watch
	}
	return runlog.Read(ctx, r.logFile, o, changed, line)
}
