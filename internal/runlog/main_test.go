package runlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/internal/logline"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if role := os.Getenv("RUNLOG_TEST_ROLE"); role != "" {
		os.Exit(play(role))
	}
	goleak.VerifyTestMain(m)
}

// create opens a log, which is closed after the test.
func create(t testing.TB, path string, o Options) *Writer {
	t.Helper()
	w, err := Create(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// newLog opens a log of its own.
func newLog(t testing.TB, o Options) (w *Writer, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "log")
	return create(t, path, o), path
}

// write writes text to a stream, which must work.
func write(t testing.TB, s *StreamWriter, text string) {
	t.Helper()
	if n, err := s.Write([]byte(text)); n != len(text) || err != nil {
		t.Fatalf("Write of %d bytes = %d, %v", len(text), n, err)
	}
}

// closeAll closes a log, which must work.
func closeAll(t testing.TB, w *Writer) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// show formats a line without its time: stream, tag and text.
func show(l logline.Line) string {
	tag := "F"
	if l.Partial {
		tag = "P"
	}
	return fmt.Sprintf("%s %s %s", l.Stream, tag, l.Text)
}

// readAll reads what there is.
func readAll(t testing.TB, path string, o logline.Options) []string {
	t.Helper()
	lines := []string{}
	err := Read(context.Background(), path, o, nil, func(l logline.Line) error {
		lines = append(lines, show(l))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func tail(n int) logline.Options {
	return logline.Options{Tail: procgroup.Optional[int]{V: n, Valid: true}}
}

// follower follows a log.
type follower struct {
	lines  chan string
	err    chan error
	cancel context.CancelFunc
}

// follow begins to follow a log.
func follow(t testing.TB, w *Writer, path string, o logline.Options) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f := &follower{make(chan string, 100_000), make(chan error, 1), cancel}
	o.Follow = true
	go func() {
		defer close(f.lines)
		f.err <- Read(ctx, path, o, w.Watch, func(l logline.Line) error {
			f.lines <- show(l)
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		for range f.lines {
		}
	})
	return f
}

// want checks the next lines.
func (f *follower) want(t testing.TB, lines ...string) {
	t.Helper()
	for _, want := range lines {
		if got, ok := <-f.lines; got != want || !ok {
			t.Fatalf("the next line is %q (%t), want %q", got, ok, want)
		}
	}
}

// rest returns the lines up to the end, which has to come by itself.
func (f *follower) rest(t testing.TB) []string {
	t.Helper()
	lines := []string{}
	for line := range f.lines {
		lines = append(lines, line)
	}
	if err := <-f.err; err != nil {
		t.Fatal(err)
	}
	return lines
}

// stop ends it from outside, when it has nothing more to say.
func (f *follower) stop(t testing.TB) {
	t.Helper()
	f.cancel()
	for line := range f.lines {
		t.Errorf("one line too many: %q", line)
	}
	if err := <-f.err; !errors.Is(err, context.Canceled) {
		t.Errorf("Read when cancelled: %v", err)
	}
}

// bytesOf joins the texts of lines of one stream, as they were written.
func bytesOf(lines []string, stream logline.Stream) string {
	var all bytes.Buffer
	for _, line := range lines {
		if text, ok := strings.CutPrefix(line, string(stream)+" P "); ok {
			all.WriteString(text)
		} else if text, ok := strings.CutPrefix(line, string(stream)+" F "); ok {
			all.WriteString(text + "\n")
		}
	}
	return all.String()
}
