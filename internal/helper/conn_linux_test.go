package helper

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// interrupted calls f while signals interrupt the system calls of its thread.
func interrupted(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid, tid := os.Getpid(), unix.Gettid()
	done := make(chan struct{})
	var signaling sync.WaitGroup
	signaling.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				_ = unix.Tgkill(pid, tid, unix.SIGURG) // which the runtime handles, and does not mind
			}
		}
	})
	f()
	close(done)
	signaling.Wait()
}

func TestSignalsDoNotHidePeer(t *testing.T) {
	a, _ := connectBoth(t)
	interrupted(func() {
		for range 20000 {
			if !a.PeerIsThere() {
				t.Error("the other end is open")
				return
			}
		}
	})
}

func TestSignalsDoNotProlongAwait(t *testing.T) {
	a, b := connectBoth(t)
	const limit = 50 * time.Millisecond
	failsafe := time.AfterFunc(20*time.Second, a.Close)
	defer failsafe.Stop()
	interrupted(func() {
		if err := b.Await(limit); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Await: %v, want os.ErrDeadlineExceeded", err)
		}
	})
}

// When a descriptor could not be received, those of a later message must not stand in for
// it.
func TestLostDescriptors(t *testing.T) {
	a, b := connectBoth(t)
	files := openFiles(t, 2)
	for _, file := range files {
		if err := a.Send(pattern(5000, 0), file); err != nil {
			t.Fatal(err)
		}
	}
	try := func() {
		message, got, err := b.TryReceive()
		CloseFiles(got)
		if err == nil || errors.Is(err, unix.EAGAIN) {
			t.Errorf("TryReceive = %d bytes, %d descriptors, %v", len(message), len(got), err)
		}
	}
	withoutDescriptors(t, try)
	try()
}

// withoutDescriptors calls f while this process can open nothing.
func withoutDescriptors(t *testing.T, f func()) {
	t.Helper()
	free, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(free)
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(free), Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Error(err)
		}
	}()
	f()
}
