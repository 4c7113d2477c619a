package procgroup

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"
)

// fakeBackend is a containment with one member, which ends by the call that deadly names.
type fakeBackend struct {
	mu     sync.Mutex
	calls  []string
	deadly string
	dead   bool
	notify func()
}

var _ backend = (*fakeBackend)(nil)

func (b *fakeBackend) call(name string) error {
	b.mu.Lock()
	b.calls = append(b.calls, name)
	b.dead = b.dead || name == b.deadly
	notify := b.notify
	b.mu.Unlock()
	if notify != nil {
		notify()
	}
	return nil
}

func (b *fakeBackend) prepare(*exec.Cmd) error                { return nil }
func (b *fakeBackend) start(*exec.Cmd, bool) (started, error) { return started{}, nil }
func (b *fakeBackend) assign(int) (func() *os.Process, error) { return nil, nil }
func (b *fakeBackend) resumeProcess(int) error                { return nil }
func (b *fakeBackend) pause(context.Context) error            { return b.call("pause") }
func (b *fakeBackend) unpause() error                         { return b.call("unpause") }
func (b *fakeBackend) signal(os.Signal) error                 { return b.call("signal") }
func (b *fakeBackend) terminate() error                       { return b.call("terminate") }
func (b *fakeBackend) kill() error                            { return b.call("kill") }

func (b *fakeBackend) empty() (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dead, nil
}

func (b *fakeBackend) watch(notify func()) (func(), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notify = notify
	return func() {}, nil
}

func (b *fakeBackend) processes() ([]Process, error) { return nil, nil }
func (b *fakeBackend) stats() (Stats, error)         { return Stats{}, nil }
func (b *fakeBackend) release() error                { return b.call("release") }

func (b *fakeBackend) close() error {
	if empty, _ := b.empty(); !empty {
		return errOccupied
	}
	return b.call("close")
}

func fakeGroup(deadly string, grace time.Duration) (*Group, *fakeBackend) {
	b := &fakeBackend{deadly: deadly}
	return &Group{backend: b, grace: grace, started: true}, b
}

func TestStopSequence(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, test := range []struct {
		name   string
		ctx    context.Context
		deadly string
		grace  time.Duration
		paused bool
		want   []string
	}{
		{"ends when asked", context.Background(), "terminate", time.Minute, false, []string{"terminate"}},
		{"does not end when asked", context.Background(), "kill", time.Millisecond, false, []string{"terminate", "kill"}},
		{"no grace", context.Background(), "kill", -1, false, []string{"kill"}},
		{"context ends the grace", ended, "kill", time.Minute, false, []string{"terminate", "kill"}},
		{"paused, asked before it runs", context.Background(), "unpause", time.Minute, true, []string{"pause", "terminate", "unpause"}},
		{"paused, killed before it runs", context.Background(), "kill", -1, true, []string{"pause", "kill", "unpause"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g, b := fakeGroup(test.deadly, test.grace)
			if test.paused {
				if err := g.Pause(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
			if err := g.Stop(test.ctx); err != nil {
				t.Errorf("Stop: %v", err)
			}
			if !slices.Equal(b.calls, test.want) {
				t.Errorf("Stop did %v, want %v", b.calls, test.want)
			}
		})
	}
}

func TestSurvivors(t *testing.T) {
	defer func(before time.Duration) { killWait = before }(killWait)
	killWait = 10 * time.Millisecond
	g, b := fakeGroup("nothing", time.Millisecond)
	if err := g.Stop(context.Background()); !errors.Is(err, ErrSurvivors) {
		t.Errorf("Stop: %v, want ErrSurvivors", err)
	}
	done := g.Done()
	if err := g.Close(); !errors.Is(err, ErrSurvivors) {
		t.Errorf("Close: %v, want ErrSurvivors", err)
	}
	if err := g.Kill(); !errors.Is(err, ErrClosed) {
		t.Errorf("Kill after Close: %v, want ErrClosed", err)
	}
	select {
	case <-done:
		t.Error("the group is done with members alive")
	default:
	}
	_ = b.call("a long wait")
	b.mu.Lock()
	b.deadly = "kill"
	b.mu.Unlock()
	if err := g.Close(); err != nil { // tries again
		t.Errorf("Close again: %v", err)
	}
	<-done
	calls := len(b.calls)
	if err := g.Close(); err != nil || len(b.calls) != calls {
		t.Errorf("Close of a closed group: %v", err)
	}
}
