package cli

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestReadyOutput(t *testing.T) {
	long := strings.Repeat("x", longestLine)
	for _, test := range []struct {
		pattern string
		pieces  []string
		matches bool
	}{
		{"ready", []string{"not yet\nready\n"}, true},
		{"ready", []string{"not yet\nrea", "dy"}, true}, // a line that has not ended
		{"^ready$", []string{"x\nready\r\n"}, true},
		{"^ready$", []string{"is ready\n"}, false},
		{"rea.*dy", []string{"rea\ndy\n"}, false},
		{"ready", []string{"rea\n", "dy\n"}, false},
		{"ready", []string{long, long, "ready"}, true}, // in a line without an end
		{"^$", []string{"x"}, false},
		{"^$", []string{"x\n", "\n"}, true},
	} {
		w, err := readiness{output: regexp.MustCompile(test.pattern)}.prepare("")
		if err != nil {
			t.Fatal(err)
		}
		look := w.viewer()
		for _, piece := range test.pieces {
			look([]byte(piece))
		}
		if isClosed(w.matched) != test.matches {
			t.Errorf("%q matches %.60q: %v", test.pattern, test.pieces, !test.matches)
		}
	}
}

// Two streams do not make a line together.
func TestReadyStreamsApart(t *testing.T) {
	w, err := readiness{output: regexp.MustCompile("ready")}.prepare("")
	if err != nil {
		t.Fatal(err)
	}
	w.viewer()([]byte("rea"))
	w.viewer()([]byte("dy"))
	if isClosed(w.matched) {
		t.Error("they do")
	}
}

func TestReadyPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	o := readiness{address: address}
	if _, err := o.prepare(""); err == nil || !strings.Contains(err.Error(), address) {
		t.Errorf("somebody listens already: %v", err)
	}
	l.Close()
	w, err := o.prepare("")
	if err != nil {
		t.Fatal(err)
	}
	w.begin()
	defer w.stop()
	if l, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	awaitReady(t, w)
}

func TestReadyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write := func(name string) {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ready := func(change func()) {
		t.Helper()
		w, err := readiness{file: file}.prepare("")
		if err != nil {
			t.Fatal(err)
		}
		if w.old != nil && w.fileIsThere() {
			t.Error("the file of an earlier run will do")
		}
		w.begin()
		defer w.stop()
		change()
		awaitReady(t, w)
	}
	ready(func() { write(file) })
	ready(func() {
		if err := os.Chtimes(file, time.Time{}, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	})
	if runtime.GOOS == "windows" {
		return // a file that somebody looks at cannot be replaced
	}
	ready(func() {
		write(file + ".new")
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	})
}

func awaitReady(t *testing.T, w *readyWatch) {
	t.Helper()
	select {
	case <-w.rings():
	case <-time.After(patience):
		t.Error("it does not get ready")
	}
}

func TestReadyStops(t *testing.T) {
	w, err := readiness{file: filepath.Join(t.TempDir(), "never")}.prepare("")
	if err != nil {
		t.Fatal(err)
	}
	w.begin()
	w.stop()
	var none *readyWatch
	none.stop()
	if w.rings() == nil || none.rings() != nil {
		t.Error("rings")
	}
}
