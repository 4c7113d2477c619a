//go:build unix

package events

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// inherited returns the number of a descriptor as one that got through exec.
func inherited(t *testing.T, f *os.File) int {
	t.Helper()
	fd, err := unix.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestFD(t *testing.T) {
	r, file, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fd := inherited(t, file)
	file.Close()
	w := openTarget(t, fmt.Sprint("fd:", fd))
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("the command would get it: %v", err)
	}
	mustWrite(t, w, Event{Event: Ready})
	if line, err := bufio.NewReader(r).ReadString('\n'); err != nil || !strings.Contains(line, "ready") {
		t.Errorf("%v, %q", err, line)
	}
}

func TestFDErrors(t *testing.T) {
	r, file, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer file.Close()
	reading := inherited(t, r)
	defer unix.Close(reading)
	for fd, want := range map[int]error{
		0: os.ErrInvalid, reading: os.ErrInvalid, int(file.Fd()): os.ErrInvalid, 987654: unix.EBADF,
	} {
		if _, err := Open(fmt.Sprint("fd:", fd)); !errors.Is(err, want) {
			t.Errorf("Open(fd:%d): %v, want %v", fd, err, want)
		}
	}
}

func TestFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, unix.ENXIO) {
		t.Errorf("Open when nobody reads: %v", err)
	}
	r, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w := openTarget(t, path)
	mustWrite(t, w, Event{Event: Paused})
	if line, err := bufio.NewReader(r).ReadString('\n'); err != nil || !strings.Contains(line, "paused") {
		t.Errorf("%v, %q", err, line)
	}
}
