package events

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// openTarget opens a target, which is closed after the test.
func openTarget(t *testing.T, target string) *Writer {
	t.Helper()
	w, err := Open(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// pipe returns a Writer on a pipe, with a limit that a test can wait for.
func pipe(t *testing.T) (*os.File, *Writer) {
	t.Helper()
	r, file, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w := &Writer{limit: 20 * time.Millisecond, file: file}
	t.Cleanup(func() {
		r.Close()
		w.Close()
	})
	return r, w
}

func mustWrite(t *testing.T, w *Writer, e Event) {
	t.Helper()
	if err := w.Write(e); err != nil {
		t.Fatal(err)
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	begin := time.Now()
	for range 2 { // the second one appends
		w := openTarget(t, path)
		mustWrite(t, w, Event{Event: Started, Command: []string{"a<b>&\n"}, PID: 1})
		if err := errors.Join(w.Close(), w.Close()); err != nil {
			t.Error(err)
		}
		if err := w.Write(Event{Event: Stopped}); !errors.Is(err, os.ErrClosed) {
			t.Errorf("Write after Close: %v", err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(data), "\n")
	if len(lines) != 3 || lines[2] != "" {
		t.Fatalf("%q", lines)
	}
	for _, line := range lines[:2] {
		var e Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Version != Version || e.Time.Before(begin) || e.Time.Location() != time.UTC {
			t.Errorf("%+v", e)
		}
		if !strings.HasSuffix(line, `,"event":"started","pid":1,"command":["a<b>&\n"]}`+"\n") {
			t.Errorf("%s", line)
		}
	}
}

func TestNil(t *testing.T) {
	var w *Writer
	if err := errors.Join(w.Write(Event{Event: Started}), w.Close()); err != nil {
		t.Error(err)
	}
}

func TestOpenErrors(t *testing.T) {
	for _, target := range []string{"", "fd:", "fd:-1", "fd:x", "fd:1 ", "fd:99999999999"} {
		if _, err := Open(target); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("Open(%q): %v", target, err)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none", "events")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open in no directory: %v", err)
	}
	if _, err := Open("fd:987654"); err == nil {
		t.Error("Open of what is not open")
	}
}

func TestStdout(t *testing.T) {
	w := openTarget(t, "-")
	if w.file.Fd() <= 2 {
		t.Error("Go dies of SIGPIPE for this descriptor")
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stdout.Stat(); err != nil {
		t.Errorf("standard output after Close: %v", err)
	}
}

func TestConcurrency(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	w := openTarget(t, path)
	w.limit = time.Minute
	var writing sync.WaitGroup
	for i := range 8 {
		writing.Go(func() {
			for j := range 50 {
				if err := w.Write(Event{Event: Limit, Message: strings.Repeat("x", i*j)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	count := 0
	for lines := bufio.NewScanner(f); lines.Scan(); count++ {
		var e Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Errorf("%v: %s", err, lines.Text())
		}
	}
	if count != 400 {
		t.Errorf("%d lines", count)
	}
}

// A reader that does not read holds up one Write. What it reads later is whole.
func TestNobodyReads(t *testing.T) {
	r, w := pipe(t)
	e := Event{Event: Limit, Message: strings.Repeat("x", 3000)}
	written := 0
	for ; written < 10_000; written++ {
		if err := w.Write(e); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
			break
		}
	}
	begin := time.Now()
	for range 100 {
		if err := w.Write(e); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("Write when nobody reads: %v", err)
		}
	}
	if took := time.Since(begin); took > 50*w.limit {
		t.Errorf("each of 100 events has waited: %v in all", took)
	}
	lines := bufio.NewReader(r)
	for i := range written + 1 { // the late one included
		line, err := lines.ReadBytes('\n')
		if err != nil || !json.Valid(line) {
			t.Fatalf("line %d: %v, %.100q", i, err, line)
		}
	}
	w.limit = time.Minute
	deadline := time.Now().Add(10 * time.Second)
	for w.Write(Event{Event: Resumed}) != nil { // as soon as the late write has returned
		if time.Now().After(deadline) {
			t.Fatal("events are dropped although somebody reads")
		}
	}
	if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, "resumed") {
		t.Errorf("the next line: %v, %q", err, line)
	}
}

func TestClosedPipe(t *testing.T) {
	r, w := pipe(t)
	w.limit = time.Minute
	mustWrite(t, w, Event{Event: Started})
	r.Close()
	for range 2 {
		if err := w.Write(Event{Event: Stopped}); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write to a closed pipe: %v", err)
		}
	}
}

// After half a line, the next one is whole again.
func TestBroken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	w := openTarget(t, path)
	w.settle(result{5, errors.New("disk full")})
	w.settle(result{0, errors.New("disk full")})
	for range 2 {
		mustWrite(t, w, Event{Event: Paused})
	}
	data, err := os.ReadFile(path)
	if err != nil || data[0] != '\n' || strings.Count(string(data), "\n") != 3 {
		t.Errorf("%v, %q", err, data)
	}
}
