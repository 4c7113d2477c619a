//go:build unix

package runlog

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"testing"

	"github.com/procgroup/procgroup/internal/logline"
	"golang.org/x/sys/unix"
)

// A full disk: the limit for the size of a file is one that a process can set for itself.
func TestDiskFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	cmd := exec.Command(os.Args[0], path)
	cmd.Env = append(os.Environ(), "RUNLOG_TEST_ROLE=full")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := []string{"stdout F before", "stdout F fits", "stdout F after"}
	if lines := readAll(t, path, logline.Options{}); !slices.Equal(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}
	if names, _ := filepath.Glob(path + "*"); len(names) != 1 {
		t.Errorf("the files are %q", names)
	}
}

// play is what the test binary does as a program of its own.
func play(string) int {
	signal.Ignore(unix.SIGXFSZ) // EFBIG remains
	if err := fillDisk(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func fillDisk(path string) error {
	w, err := Create(path, Options{})
	if err != nil {
		return err
	}
	s := w.Stream(logline.Stdout)
	if _, err := s.Write([]byte("before\n")); err != nil {
		return err
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	small := limit
	small.Cur = 115 // in the midst of the third line
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &small); err != nil {
		return err
	}
	for _, text := range []string{"fits\nlost\n", "lost too\n"} {
		if n, err := s.Write([]byte(text)); n != len(text) || !errors.Is(err, unix.EFBIG) {
			return fmt.Errorf("Write when the disk is full = %d, %w", n, err)
		}
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if _, err := s.Write([]byte("after\n")); err != nil {
		return err
	}
	return w.Close()
}

func TestFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	mustDo(t, unix.Mkfifo(path, 0o600))
	if _, err := Create(path, Options{}); !errors.Is(err, errNotRegular) {
		t.Errorf("Create: %v", err)
	}
	if err := Read(t.Context(), path, logline.Options{}, nil, nil); !errors.Is(err, errNotRegular) {
		t.Errorf("Read: %v", err)
	}
}

func TestMode(t *testing.T) {
	_, path := newLog(t, Options{})
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// skipOnWine is for Windows.
func skipOnWine(*testing.T) {}
