package runlog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/procgroup/procgroup/internal/logline"
)

func TestFormat(t *testing.T) {
	w, path := newLog(t, Options{})
	out, err := w.Stream(logline.Stdout), w.Stream(logline.Stderr)
	write(t, out, "hello\nwor")
	write(t, err, "trouble\n")
	write(t, out, "ld\nprompt>")
	closeAll(t, w)
	data, e := os.ReadFile(path)
	if e != nil {
		t.Fatal(e)
	}
	stamp := `20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z `
	want := regexp.MustCompile(`^` + stamp + "stdout F hello\n" + stamp + "stderr F trouble\n" +
		stamp + "stdout F world\n" + stamp + "stdout P prompt>\n$")
	if !want.Match(data) {
		t.Errorf("the log is %q", data)
	}
}

func TestRotation(t *testing.T) {
	w, path := newLog(t, Options{MaxSize: 500, Files: 3})
	s := w.Stream(logline.Stdout)
	var all []string
	for i := range 100 {
		text := fmt.Sprintf("line %d", i)
		all = append(all, "stdout F "+text)
		write(t, s, text+"\n")
	}
	write(t, s, strings.Repeat("x", 1000)+"\n") // larger than a file
	all = append(all, "stdout F "+strings.Repeat("x", 1000))
	closeAll(t, w)
	names, err := filepath.Glob(path + "*")
	if want := []string{path, path + ".1", path + ".2"}; err != nil || !slices.Equal(names, want) {
		t.Fatalf("the files are %q, want %q", names, want)
	}
	lines := readAll(t, path, logline.Options{})
	if want := all[len(all)-len(lines):]; !slices.Equal(lines, want) {
		t.Errorf("the log has %q, want the last of %q", lines, all)
	}
	for _, name := range names[1:] {
		data, err := os.ReadFile(name)
		if err != nil || len(data) > 500 || len(data) < 400 || !bytes.HasSuffix(data, []byte("\n")) {
			t.Errorf("%s: %v, %q", name, err, data)
		}
	}
}

// A Write of many lines fills many files.
func TestRotationWithinWrite(t *testing.T) {
	many := 200
	if testing.Short() {
		many = 40
	}
	w, path := newLog(t, Options{MaxSize: 100, Files: 300})
	s := w.Stream(logline.Stdout)
	write(t, s, strings.Repeat("0123456789\n", many))
	closeAll(t, w)
	if lines := readAll(t, path, logline.Options{}); len(lines) != many {
		t.Errorf("%d lines, want %d", len(lines), many)
	}
}

func TestSingleFile(t *testing.T) {
	w, path := newLog(t, Options{MaxSize: 100, Files: 1})
	s := w.Stream(logline.Stdout)
	write(t, s, "1\n2\n3\n4\n5\n")
	closeAll(t, w)
	if lines := readAll(t, path, logline.Options{}); !slices.Equal(lines, []string{"stdout F 5"}) {
		t.Errorf("%q", lines)
	}
	if names, _ := filepath.Glob(path + "*"); len(names) != 1 {
		t.Errorf("the files are %q", names)
	}
}

func TestAppend(t *testing.T) {
	w, path := newLog(t, Options{MaxSize: 100})
	write(t, w.Stream(logline.Stdout), "1\n2\n3\n")
	closeAll(t, w)
	w = create(t, path, Options{MaxSize: 100})
	write(t, w.Stream(logline.Stdout), "4\n")
	closeAll(t, w)
	if lines := readAll(t, path, logline.Options{}); len(lines) != 4 {
		t.Errorf("%q", lines)
	}
	if names, _ := filepath.Glob(path + "*"); len(names) != 2 {
		t.Errorf("the files are %q, want two of two lines", names)
	}
}

// What a writer that was killed has left is not completed by the next one.
func TestHalfLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	half := "2026-11-22T20:00:00.000000000Z stdout F whole\n2026-11-22T20:00:00.000000000Z stdout F ha"
	if err := os.WriteFile(path, []byte(half), 0o600); err != nil {
		t.Fatal(err)
	}
	w := create(t, path, Options{})
	write(t, w.Stream(logline.Stderr), "next\n")
	closeAll(t, w)
	if lines := readAll(t, path, logline.Options{}); !slices.Equal(lines, []string{"stdout F whole", "stderr F next"}) {
		t.Errorf("%q", lines)
	}
}

func TestCreateErrors(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"link": other, "dangling": filepath.Join(dir, "none")} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip(err) // Windows may not allow it
		}
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			t.Skip(err) // Wine
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{
		"link": errNotRegular, "dangling": errNotRegular, "dir": errNotRegular, "none/log": fs.ErrNotExist,
	} {
		if w, err := Create(filepath.Join(dir, name), Options{}); !errors.Is(err, want) {
			t.Errorf("Create(%s) = %v, %v, want %v", name, w, err, want)
		}
	}
	for _, o := range []Options{{MaxSize: -1}, {Files: -1}} {
		if _, err := Create(filepath.Join(dir, "log"), o); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("Create with %+v: %v", o, err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "none")); err == nil {
		t.Errorf("the target of a link was made: %v", info)
	}
}

func TestPause(t *testing.T) {
	w, path := newLog(t, Options{})
	closeAll(t, w)
	synctest.Test(t, func(t *testing.T) {
		w := create(t, path, Options{})
		s := w.Stream(logline.Stdout)
		write(t, s, "name")
		time.Sleep(pause / 2)
		write(t, s, ": ")
		time.Sleep(pause * 3 / 4)
		synctest.Wait()
		if lines := readAll(t, path, logline.Options{}); len(lines) > 0 {
			t.Errorf("too early: %q", lines)
		}
		changed := w.Changed()
		time.Sleep(pause / 4)
		<-changed
		if lines := readAll(t, path, logline.Options{}); !slices.Equal(lines, []string{"stdout P name: "}) {
			t.Errorf("after the pause: %q", lines)
		}
		write(t, s, "\n")
		write(t, s, "rest")
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if lines := readAll(t, path, logline.Options{}); !slices.Equal(lines, []string{"stdout P name: ", "stdout F ", "stdout P rest"}) {
			t.Errorf("at the end: %q", lines)
		}
	})
}

func TestClose(t *testing.T) {
	w, path := newLog(t, Options{})
	s := w.Stream(logline.Stdout)
	write(t, s, "rest")
	changed := w.Changed()
	closeAll(t, w)
	<-changed
	if more, closed := w.Watch(); !closed {
		t.Error("Watch does not say that the log is closed")
	} else {
		<-more
	}
	<-w.Changed()
	closeAll(t, w)
	for _, s := range []*StreamWriter{s, w.Stream(logline.Stderr)} {
		if n, err := s.Write([]byte("more\n")); n != 5 || !errors.Is(err, os.ErrClosed) {
			t.Errorf("Write after Close = %d, %v", n, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if lines := readAll(t, path, logline.Options{}); !slices.Equal(lines, []string{"stdout P rest"}) {
		t.Errorf("%q", lines)
	}
}

func TestStreams(t *testing.T) {
	w, path := newLog(t, Options{MaxSize: 10_000, Files: 1000})
	const count = 500
	var writing sync.WaitGroup
	want := make(map[logline.Stream]string)
	for _, stream := range []logline.Stream{logline.Stdout, logline.Stderr} {
		var text strings.Builder
		for i := range count {
			fmt.Fprintf(&text, "line %d\nand %s", i, strings.Repeat("x", i*i%1000))
		}
		want[stream] = text.String()
		s := w.Stream(stream)
		writing.Go(func() {
			for rest := text.String(); len(rest) > 0; {
				n := min(len(rest), 1+len(rest)%1000)
				write(t, s, rest[:n])
				rest = rest[n:]
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	writing.Wait()
	lines := readAll(t, path, logline.Options{})
	for stream, text := range want {
		if got := bytesOf(lines, stream); got != text {
			t.Errorf("%s has become %.300q, want %.300q", stream, got, text)
		}
	}
}

// Somebody removes the file, and then the directory for a while.
func TestRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	synctest.Test(t, func(t *testing.T) {
		mustDo(t, os.Mkdir(dir, 0o700))
		path := filepath.Join(dir, "log")
		w := create(t, path, Options{})
		s := w.Stream(logline.Stdout)
		write(t, s, "removed\n")
		remove(t, path)
		time.Sleep(checkInterval)
		write(t, s, "again\n")
		if lines := readAll(t, path, logline.Options{}); !slices.Equal(lines, []string{"stdout F again"}) {
			t.Errorf("%q", lines)
		}
		mustDo(t, os.RemoveAll(dir))
		time.Sleep(checkInterval)
		for range 2 {
			if n, err := s.Write([]byte("lost\n")); n != 5 || !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Write without a directory = %d, %v", n, err)
			}
		}
		mustDo(t, os.Mkdir(dir, 0o700))
		write(t, s, "back\n")
		if lines := readAll(t, path, logline.Options{}); !slices.Equal(lines, []string{"stdout F back"}) {
			t.Errorf("%q", lines)
		}
		closeAll(t, w)
	})
}

// A rotation that cannot be done does not end the log.
func TestRotationFails(t *testing.T) {
	w, path := newLog(t, Options{MaxSize: 200, Files: 2})
	mustDo(t, os.MkdirAll(filepath.Join(path+".1", "full"), 0o700))
	s := w.Stream(logline.Stdout)
	failed := 0
	for i := range 50 {
		n, err := fmt.Fprintf(s, "%d\n", i)
		if n < 2 {
			t.Errorf("Write = %d, %v", n, err)
		}
		if err != nil {
			failed++
		}
	}
	if failed == 0 || failed > 15 {
		t.Errorf("%d of 50 lines told of the error", failed)
	}
	if lines := readAll(t, path, logline.Options{}); len(lines) != 50 {
		t.Errorf("%q", lines)
	}
	mustDo(t, os.RemoveAll(path+".1"))
	for range 10 {
		write(t, s, "more\n")
	}
	if info, err := os.Stat(path); err != nil || info.Size() > 200 {
		t.Errorf("not rotated afterwards: %v, %v", info, err)
	}
}

// remove removes a file that is open, so that its name is free. That a root does so on Windows
// too.
func remove(t testing.TB, path string) {
	t.Helper()
	root, err := os.OpenRoot(filepath.Dir(path))
	mustDo(t, err)
	defer root.Close()
	mustDo(t, root.Remove(filepath.Base(path)))
}

func mustDo(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{100, 32 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			w, _ := newLog(b, Options{})
			s := w.Stream(logline.Stdout)
			line := strings.Repeat("x", 99) + "\n"
			chunk := []byte(strings.Repeat(line, size/len(line)))
			b.SetBytes(int64(len(chunk)))
			for b.Loop() {
				if _, err := s.Write(chunk); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
