package events

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// writeLimit bounds the time that a run is held up by a reader who does not read.
const writeLimit = 2 * time.Second

// Writer writes events. A nil Writer does nothing. It may be used from many goroutines at once.
//
// Who reads a pipe and stops reading does not hang the run: a write that takes too long is left
// to itself, and until it has ended, events are dropped. Who closes a pipe does not end the run
// either: Go dies of SIGPIPE for descriptors 1 and 2 only (see [os/signal]), and these are
// duplicated.
type Writer struct {
	limit time.Duration

	mu     sync.Mutex
	file   *os.File    // nil when closed
	late   chan result // of a write that was left to itself; nil if there is none
	broken bool        // the last line is there in part
}

// result is what a write returns.
type result struct {
	n   int
	err error
}

// Open opens a target: a file, to which events are appended, - for standard output, or fd:N for a
// descriptor that the program has inherited, on Windows the number of a handle. The command does
// not inherit it. A FIFO needs a reader who has opened it.
func Open(target string) (*Writer, error) {
	file, err := open(target)
	if err != nil {
		return nil, err
	}
	return &Writer{limit: writeLimit, file: file}, nil
}

func open(target string) (*os.File, error) {
	number, isFD := strings.CutPrefix(target, "fd:")
	switch {
	case target == "":
		return nil, fmt.Errorf("no file to write events to: %w", os.ErrInvalid)
	case target == "-":
		return openStdout()
	case !isFD:
		return openFile(target)
	}
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return nil, fmt.Errorf("%q is not of the form fd:N: %w", target, os.ErrInvalid)
	}
	return openFD(uintptr(n))
}

// Write writes an event, with the time and the version, as a line of its own, by one write(2)
// where the system takes it at once. After an error the event is lost; the next one is tried
// again. If nobody reads, the error wraps [os.ErrDeadlineExceeded].
func (w *Writer) Write(e Event) error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return os.ErrClosed
	}
	e.Version, e.Time = Version, time.Now().UTC()
	line, err := e.line()
	if err != nil {
		return err
	}
	if w.late != nil {
		select {
		case r := <-w.late:
			w.late = nil
			w.settle(r)
		default:
			return errNobodyReads
		}
	}
	if w.broken {
		line = append([]byte("\n"), line...)
	}
	return w.write(line)
}

var errNobodyReads = fmt.Errorf("nobody reads the events: %w", os.ErrDeadlineExceeded)

// write writes within the limit. A deadline of the file would not do: it needs a descriptor that
// does not block, for all who share it, and leaves half a line. The caller holds mu.
func (w *Writer) write(line []byte) error {
	done := make(chan result, 1)
	file := w.file
	go func() {
		n, err := file.Write(line)
		done <- result{n, err}
	}()
	timer := time.NewTimer(w.limit)
	defer timer.Stop()
	select {
	case r := <-done:
		w.settle(r)
		return r.err
	case <-timer.C:
		w.late = done
		return errNobodyReads
	}
}

// settle notes whether the next line has to end the last one first.
func (w *Writer) settle(r result) { w.broken = r.err != nil && (r.n > 0 || w.broken) }

// Close closes the target; standard output stays open. It does not wait for anybody to read.
func (w *Writer) Close() error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	w.file = nil
	return err
}
