package cli

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
)

// found returns a run, as soon as others see that its command was started.
func found(t *testing.T, name string) *control.Run {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		run, err := control.Find(t.Context(), name)
		if err != nil {
			continue
		}
		t.Cleanup(func() { run.Close() })
		if info, err := run.Info(t.Context()); err == nil && !info.Started.IsZero() {
			return run
		}
	}
	t.Fatalf("%s is not to be seen", name)
	return nil
}

// Whatever is asked of a run, and whatever it is doing just then, the answer is right or a clear
// error, and comes.
func TestControlAtAnyTime(t *testing.T) {
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		name := "any-" + c.String()
		p := startProgram(t, "procgroup", "run", "--containment", c.String(), "--name", name,
			"--restart", "on-failure:4", "--grace", "100ms", "--", "late", "hello", "1")
		run := found(t, name)
		requests := map[string]func(context.Context) error{
			"info":      func(ctx context.Context) error { _, err := run.Info(ctx); return err },
			"processes": func(ctx context.Context) error { _, err := run.Processes(ctx); return err },
			"stats":     func(ctx context.Context) error { _, err := run.Stats(ctx); return err },
			"pause":     run.Pause,
			"resume":    run.Resume,
			"list":      func(ctx context.Context) error { _, err := control.List(ctx); return err },
		}
		var all sync.WaitGroup
		for what, request := range requests {
			all.Go(func() { askUntilItEnds(t, p, what, request) })
		}
		info, err := run.Wait(t.Context(), control.UntilEmpty)
		if err != nil || info.Exit == nil || info.Exit.Status == 0 || info.Restarts != 4 {
			t.Errorf("wait: %+v, %v", info, err)
		}
		all.Wait()
		p.wantStatus(info.Exit.Status)
	})
}

// askUntilItEnds repeats a request until a program has ended.
func askUntilItEnds(t *testing.T, p *program, what string, request func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	clear := []error{control.ErrEnded, procgroup.ErrNotStarted, procgroup.ErrInterrupted}
	for !isClosed(p.end.done) {
		err := request(ctx)
		if err != nil && !slices.ContainsFunc(clear, func(want error) bool { return errors.Is(err, want) }) {
			t.Errorf("%s: %v", what, err)
			return
		}
	}
}

// Everybody who wants the end of a run gets it, whatever the others do.
func TestEndsAtOnce(t *testing.T) {
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		name := "ends-" + c.String()
		p := startProgram(t, "procgroup", "run", "--containment", c.String(), "--name", name,
			"--restart", "always", "--", "catch", "leader", "NONE")
		p.ready("leader")
		run := found(t, name)
		if err := run.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		now := procgroup.Optional[time.Duration]{Valid: true}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { wantEnd(t, "stop", run.Stop(t.Context(), control.StopOptions{Grace: now})) })
			all.Go(func() { wantEnd(t, "kill", run.Kill(t.Context())) })
			all.Go(func() {
				info, err := run.Wait(t.Context(), control.UntilExit)
				wantEnd(t, "wait", err)
				if err == nil && (info.Exit == nil || info.Exit.Reason != control.ReasonKilled) {
					t.Errorf("wait: %+v", info)
				}
			})
		}
		all.Wait()
		select {
		case <-p.end.done:
		case <-time.After(patience):
			t.Error("it does not end")
		}
	})
}

func wantEnd(t *testing.T, what string, err error) {
	if err != nil && !errors.Is(err, control.ErrEnded) {
		t.Errorf("%s: %v", what, err)
	}
}

// A time limit stands still while the group is paused.
func TestPauseHoldsTheClock(t *testing.T) {
	p := startProgram(t, "procgroup", "run", "--name", "clock", "--timeout", "300ms", "--grace", "100ms", "--", "catch", "leader", "NONE")
	p.ready("leader")
	run := found(t, "clock")
	if err := run.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.end.done:
		t.Error("it has ended")
	case <-time.After(500 * time.Millisecond):
	}
	info, err := run.Info(t.Context())
	if err != nil || info.State != control.Paused {
		t.Errorf("paused: %v, %v", info.State, err)
	}
	if err := run.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.wantStatus(statusTimeout)
}
