package cli

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/creack/pty"
)

// TestProgress waits until the line was written twice, and then wants it to be erased.
func TestProgress(t *testing.T) {
	t.Setenv("TERM", "xterm")
	screen, terminal, err := pty.Open()
	if err != nil {
		t.Skip(err)
	}
	defer screen.Close()
	if err := pty.Setsize(screen, &pty.Winsize{Rows: 24, Cols: 30}); err != nil {
		t.Fatal(err)
	}
	if err := screen.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	done := showProgress(terminal, "waiting for web", 10*time.Second)
	var seen []byte
	for chunk := make([]byte, 100); bytes.Count(seen, []byte("\x1b[K")) < 2; {
		n, err := screen.Read(chunk)
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, chunk[:n]...)
	}
	done()
	done()
	terminal.Close()
	rest, _ := io.ReadAll(screen) // it ends with EIO
	seen = append(seen, rest...)
	want := `^\r\x1b\[Kwaiting for web: 1s of 10s\r\x1b\[Kwaiting for web: 2s of 10s.*\r\x1b\[K$`
	if !regexp.MustCompile(want).Match(seen) {
		t.Errorf("the terminal got %q, want %s", seen, want)
	}
}

// TestProgressElsewhere wants nothing where there is no terminal.
func TestProgressElsewhere(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for _, w := range []io.Writer{writer, io.Discard} {
		showProgress(w, "waiting", 0)()
	}
	writer.Close()
	if text, err := io.ReadAll(reader); len(text) > 0 || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
}
