package watch

import (
	"errors"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// cat starts a process that ends when its input is closed.
func cat(t *testing.T) (cmd *exec.Cmd, end func()) {
	t.Helper()
	cmd = exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("no cat to start: %v", err)
	}
	return cmd, func() { in.Close() }
}

func await(t *testing.T, told <-chan struct{}) {
	t.Helper()
	select {
	case <-told:
	case <-time.After(time.Minute):
		t.Fatal("not told")
	}
}

func TestExit(t *testing.T) {
	cmd, end := cat(t)
	told := make(chan struct{}, 10)
	stop, err := Exit(cmd.Process.Pid, func() { told <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-told:
		t.Fatal("told of the end of a process that lives")
	default:
	}
	end()
	await(t, told) // nobody has reaped it
	stop()
	stop()
	_ = cmd.Wait()
	if len(told) > 0 {
		t.Error("told more than once")
	}
	if _, err := Exit(cmd.Process.Pid, func() {}); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Exit of a process that is gone: %v, want os.ErrProcessDone", err)
	}
	wantIdle(t)
}

func TestStopFromNotify(t *testing.T) {
	cmd, end := cat(t)
	told := make(chan struct{})
	var stop func()
	ready := make(chan struct{})
	stop, err := Exit(cmd.Process.Pid, func() {
		<-ready
		stop()
		close(told)
	})
	if err != nil {
		t.Fatal(err)
	}
	close(ready)
	end()
	await(t, told)
	_ = cmd.Wait()
	wantIdle(t)
}

func TestStoppedIsNotTold(t *testing.T) {
	first, endFirst := cat(t)
	second, endSecond := cat(t)
	var wrong atomic.Bool
	stop, err := Exit(first.Process.Pid, func() { wrong.Store(true) })
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan struct{})
	stopSecond, err := Exit(second.Process.Pid, func() { close(told) })
	if err != nil {
		t.Fatal(err)
	}
	stop()
	endFirst()
	_ = first.Wait()
	endSecond()
	await(t, told) // events come in order
	stopSecond()
	_ = second.Wait()
	if wrong.Load() {
		t.Error("told after stop")
	}
	wantIdle(t)
}

func TestErrors(t *testing.T) {
	if _, err := File(-1, func() {}); !errors.Is(err, unix.EBADF) {
		t.Errorf("File of no descriptor: %v", err)
	}
	if _, err := Exit(0, func() {}); err == nil {
		t.Error("Exit of process 0: nil")
	}
	wantIdle(t)
}

// wantIdle checks that nothing is held when nothing is watched.
func wantIdle(t *testing.T) {
	t.Helper()
	watcher.Lock()
	defer watcher.Unlock()
	if watcher.epoll != nil || len(watcher.watches) != 0 {
		t.Errorf("%d watches, and the descriptor %v, are held", len(watcher.watches), watcher.epoll)
	}
}
