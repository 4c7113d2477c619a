//go:build unix

package cli

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/procgroup/procgroup/control"
)

// Who does not wait for the command any more does not want it either.
func TestDetachInterrupted(t *testing.T) {
	mark := newMark()
	p := startProgram(t, "procgroup", "run", "-d", "--name", "abandoned", "--ready", "never", "--", "sleep", mark)
	found(t, "abandoned")
	p.signal(syscall.SIGINT)
	p.wantStatus(statusSignalBase + int(syscall.SIGINT))
	awaitForgotten(t, "abandoned")
	if pids := marked(mark); len(pids) > 0 {
		t.Errorf("left: %v", pids)
	}
}

// awaitForgotten waits until a run is over.
func awaitForgotten(t *testing.T, name string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		run, err := control.Find(t.Context(), name)
		if errors.Is(err, control.ErrNotFound) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		info, err := run.Info(t.Context())
		run.Close()
		if err == nil && !info.State.Live() {
			return
		}
	}
	t.Fatalf("%s does not end", name)
}

// What a detached run says goes to its log, and its session is its own.
func TestDetachedSession(t *testing.T) {
	p := startProgram(t, "procgroup", "run", "-d", "--name", "apart", "--verbose", "--", "catch", "leader", "TERM")
	p.wantStatus(0)
	run := found(t, "apart")
	info, err := run.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ours, err := syscall.Getpgid(0)
	if err != nil {
		t.Fatal(err)
	}
	if group, err := syscall.Getpgid(info.Owner); err != nil || group == ours || group != info.Owner {
		t.Errorf("the run is in the process group %d (%v), and this in %d", group, err, ours)
	}
	if err := run.Stop(t.Context(), control.StopOptions{}); err != nil {
		t.Error(err)
	}
	said := false
	for line, err := range run.Logs(t.Context(), control.LogOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		said = said || line.Stream == control.Procgroup
	}
	if !said {
		t.Error("nothing of procgroup is in the log")
	}
	if _, err := os.Stat(info.Log); err != nil {
		t.Error(err)
	}
	if err := run.Remove(t.Context()); err != nil {
		t.Error(err)
	}
}
