package control_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
)

// requests are what a run can be asked and told.
var requests = map[string]func(context.Context, *control.Run) error{
	"info": func(ctx context.Context, r *control.Run) error {
		_, err := r.Info(ctx)
		return err
	},
	"processes": func(ctx context.Context, r *control.Run) error {
		_, err := r.Processes(ctx)
		return err
	},
	"stats": func(ctx context.Context, r *control.Run) error {
		_, err := r.Stats(ctx)
		return err
	},
	"pause":  func(ctx context.Context, r *control.Run) error { return r.Pause(ctx) },
	"resume": func(ctx context.Context, r *control.Run) error { return r.Resume(ctx) },
	"kill":   func(ctx context.Context, r *control.Run) error { return r.Kill(ctx) },
	"signal": func(ctx context.Context, r *control.Run) error { return r.Signal(ctx, "HUP") },
	"stop": func(ctx context.Context, r *control.Run) error {
		return r.Stop(ctx, control.StopOptions{})
	},
	"wait": func(ctx context.Context, r *control.Run) error {
		_, err := r.Wait(ctx, control.UntilEmpty)
		return err
	},
	"logs": func(ctx context.Context, r *control.Run) error {
		_, err := read(r.Logs(ctx, control.LogOptions{}))
		return err
	},
	"follow": func(ctx context.Context, r *control.Run) error {
		_, err := read(r.Logs(ctx, control.LogOptions{Follow: true}))
		return err
	},
}

// long are those that are not answered before the run is over.
var long = []string{"stop", "wait", "follow"}

func TestRequests(t *testing.T) {
	l := serve(t, own(t), control.Info{Name: "web", Command: []string{"serve"}})
	r := find(t, "web")
	info, err := r.Info(t.Context())
	if err != nil || info.ID != l.info.ID || info.Name != "web" || info.State != control.Running {
		t.Errorf("%+v, %v", info, err)
	}
	processes, err := r.Processes(t.Context())
	if err != nil || len(processes) != 1 || processes[0].PID != 7 || processes[0].Threads.Valid {
		t.Errorf("%+v, %v", processes, err)
	}
	stats, err := r.Stats(t.Context())
	if err != nil || stats.Memory.V != 1<<20 || stats.User.Valid {
		t.Errorf("%+v, %v", stats, err)
	}
	l.End()
	for _, name := range []string{"pause", "resume", "kill", "signal", "wait"} {
		if err := requests[name](t.Context(), r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, o := range []control.StopOptions{{}, {Signal: "2"}, {Grace: procgroup.Optional[time.Duration]{Valid: true}}} {
		if err := r.Stop(t.Context(), o); err != nil {
			t.Errorf("stop %+v: %v", o, err)
		}
	}
	info, err = r.Wait(t.Context(), "")
	if err != nil || info.State != control.Exited || info.Exit.Status != 3 {
		t.Errorf("%+v, %v", info, err)
	}
	want := []string{"pause", "resume", "kill", "signal HUP", "wait empty", `stop - ""`, `stop - "2"`, `stop 0s ""`, "wait exit"}
	if got := l.Calls(); !slices.Equal(got, want) {
		t.Errorf("called %q, want %q", got, want)
	}
}

func TestErrors(t *testing.T) {
	l := serve(t, own(t), control.Info{Name: "web"})
	r := find(t, "web")
	for code, is := range map[control.Code]error{
		control.CodeInvalid:     os.ErrInvalid,
		control.CodeNotFound:    control.ErrNotFound,
		control.CodeNotStarted:  procgroup.ErrNotStarted,
		control.CodeEnded:       control.ErrEnded,
		control.CodeTimeout:     os.ErrDeadlineExceeded,
		control.CodeUnsupported: errors.ErrUnsupported,
		control.CodeSurvivors:   procgroup.ErrSurvivors,
		control.CodeFailed:      nil,
	} {
		l.Err = errors.New("bad luck")
		if is != nil {
			l.Err = fmt.Errorf("bad luck: %w", is)
		}
		l.LogErr = l.Err
		for name, request := range requests {
			if name == "info" {
				continue // cannot fail
			}
			err := request(t.Context(), r)
			var answered *control.Error
			if !errors.As(err, &answered) || answered.Code != code || err.Error() != l.Err.Error() {
				t.Errorf("%s, %s: %v", name, code, err)
			}
			if is != nil && !errors.Is(err, is) {
				t.Errorf("%s: %v is no %v", name, err, is)
			}
		}
	}
}

// TestDial needs no entry.
func TestDial(t *testing.T) {
	l := serve(t, own(t), control.Info{})
	r := control.Dial(l.info.Socket)
	defer r.Close()
	if info, err := r.Info(t.Context()); err != nil || info.ID != l.info.ID {
		t.Errorf("%+v, %v", info, err)
	}
	l.end(t)
	l.shutdown()
	if info, err := r.Info(t.Context()); err != nil || info.State != control.Exited {
		t.Errorf("after the end: %+v, %v", info, err)
	}
	nowhere := control.Dial(l.info.Socket + "-")
	if err := nowhere.Pause(t.Context()); !errors.Is(err, control.ErrEnded) {
		t.Errorf("nobody there: %v", err)
	}
}

// TestProxy sees that a proxy of the environment is not for what stays on this machine.
func TestProxy(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://192.0.2.1:1")
	}
	serve(t, own(t), control.Info{Name: "web"})
	if _, err := find(t, "web").Info(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestEnded asks a run that is over when it is found.
func TestEnded(t *testing.T) {
	l := serve(t, own(t), control.Info{Name: "web"})
	l.end(t)
	l.shutdown()
	checkEnded(t, find(t, "web"))
}

// TestEndedMeanwhile asks a run that has ended since it was found.
func TestEndedMeanwhile(t *testing.T) {
	l := serve(t, own(t), control.Info{Name: "web"})
	r := find(t, "web")
	if _, err := r.Info(t.Context()); err != nil { // there is a connection
		t.Fatal(err)
	}
	l.end(t)
	l.shutdown()
	checkEnded(t, r)
}

// checkEnded asks a run that is over, and removes it.
func checkEnded(t *testing.T, r *control.Run) {
	t.Helper()
	for name, request := range requests {
		err := request(t.Context(), r)
		switch name {
		case "info", "wait":
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case "logs", "follow":
			if !errors.Is(err, control.ErrNoLog) {
				t.Errorf("%s: %v", name, err)
			}
		default:
			if !errors.Is(err, control.ErrEnded) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	info, err := r.Wait(t.Context(), control.UntilReady)
	if err != nil || info.State != control.Exited || info.Exit == nil || info.Exit.Status != 3 {
		t.Errorf("wait: %+v, %v", info, err)
	}
	if err := r.Remove(t.Context()); err != nil {
		t.Error(err)
	}
	if err := r.Remove(t.Context()); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := control.Find(t.Context(), info.ID); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("found after it was removed: %v", err)
	}
}

func TestRemoveLive(t *testing.T) {
	l := serve(t, own(t), control.Info{Name: "web"})
	r := find(t, "web")
	if err := r.Remove(t.Context()); err == nil {
		t.Error("a live run was removed")
	}
	if info, err := r.Info(t.Context()); err != nil || info.ID != l.info.ID {
		t.Errorf("%+v, %v", info, err)
	}
}

// TestKilled kills runs that owe an answer.
func TestKilled(t *testing.T) {
	for _, name := range long {
		own(t)
		_, kill := startRun(t, "web")
		r := find(t, "web")
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		answer := make(chan error, 1)
		if name == "follow" {
			begun := make(chan struct{})
			go func() {
				var err error
				for _, err = range r.Logs(ctx, control.LogOptions{Follow: true}) {
					if err == nil {
						close(begun)
					}
				}
				answer <- err
			}()
			<-begun
		} else {
			go func() { answer <- requests[name](ctx, r) }()
		}
		begun := time.Now()
		kill()
		if err := <-answer; !errors.Is(err, control.ErrEnded) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("%s: it took %v", name, took)
		}
		cancel()
		_ = r.Close()
	}
}

// TestAnswerMissing cuts off those who wait when the run is over.
func TestAnswerMissing(t *testing.T) {
	for _, name := range long {
		l := serve(t, own(t), control.Info{Name: "web"})
		r := find(t, "web")
		answer := make(chan error, 1)
		go func() { answer <- requests[name](t.Context(), r) }()
		if !l.AwaitCalls(1) {
			t.Fatal("nobody asks")
		}
		if err := l.claim.End(encode(t, l.info)); err != nil {
			t.Fatal(err)
		}
		l.shutdown()
		err := <-answer
		if name == "follow" {
			if !errors.Is(err, control.ErrNoLog) { // it has none that could be read instead
				t.Errorf("%s: %v", name, err)
			}
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDropped asks a run that has left nothing.
func TestDropped(t *testing.T) {
	l := serve(t, own(t), control.Info{Name: "web"})
	r := find(t, "web")
	if err := l.claim.Drop(); err != nil {
		t.Fatal(err)
	}
	l.shutdown()
	for name, request := range requests {
		if err := request(t.Context(), r); !errors.Is(err, control.ErrEnded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckName(t *testing.T) {
	if err := control.CheckName("web-1.a_b"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"", "Web", "../x", "-a", "a/b"} {
		if err := control.CheckName(name); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
