package runlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/procgroup/procgroup/internal/logline"
)

func TestTail(t *testing.T) {
	w, path := newLog(t, Options{MaxSize: 150, Files: 100})
	out, errs := w.Stream(logline.Stdout), w.Stream(logline.Stderr)
	for _, text := range []string{"1\n", "2\n", "3\n", "4\n"} {
		write(t, out, text)
	}
	write(t, out, "5"+strings.Repeat("x", maxText))
	write(t, errs, "6\n")
	write(t, out, "end\n")
	write(t, errs, "7\n")
	closeAll(t, w)
	five := []string{"stdout P 5" + strings.Repeat("x", maxText-1), "stdout F xend"}
	all := []string{"stdout F 1", "stdout F 2", "stdout F 3", "stdout F 4", five[0], "stderr F 6", five[1], "stderr F 7"}
	for n, want := range map[int][]string{
		-1: {}, 0: {}, 1: all[7:], 2: {all[5], all[7]}, 3: all[4:], 4: all[3:], 6: all[1:], 7: all, 8: all, 1 << 40: all,
	} {
		if got := readAll(t, path, tail(n)); !slices.Equal(got, want) {
			t.Errorf("tail %d: %.20q, want %.20q", n, got, want)
		}
	}
	if got := readAll(t, path, logline.Options{}); !slices.Equal(got, all) {
		t.Errorf("all: %.20q, want %.20q", got, all)
	}
}

// Nothing of a large log is kept in memory.
func TestTailMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	line := logline.Append(nil, logline.Line{Time: time.Now(), Stream: logline.Stdout, Text: strings.Repeat("x", 200)})
	mustDo(t, os.WriteFile(path, bytes.Repeat(line, 100_000), 0o600))
	var peak uint64
	count := 0
	err := Read(t.Context(), path, tail(50_000), nil, func(logline.Line) error {
		if count++; count%5000 == 0 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
		return nil
	})
	if err != nil || count != 50_000 || peak > 5<<20 {
		t.Errorf("%d lines, %v, %d bytes of memory", count, err, peak)
	}
}

func TestSince(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	at := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	var data []byte
	for i := range 5 {
		data = logline.Append(data, logline.Line{Time: at.Add(time.Duration(i)), Stream: logline.Stdout, Text: strconv.Itoa(i)})
	}
	mustDo(t, os.WriteFile(path, data, 0o600))
	o := logline.Options{Since: at.Add(3).In(time.FixedZone("", 7200))}
	if lines := readAll(t, path, o); !slices.Equal(lines, []string{"stdout F 3", "stdout F 4"}) {
		t.Errorf("%q", lines)
	}
}

func TestReadErrors(t *testing.T) {
	w, path := newLog(t, Options{})
	write(t, w.Stream(logline.Stdout), "1\n2\n")
	stop := errors.New("stop")
	if err := Read(t.Context(), path, logline.Options{}, nil, func(logline.Line) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Read returns %v", err)
	}
	if err := Read(t.Context(), path+"x", logline.Options{}, nil, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read of nothing returns %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := Read(ctx, path, logline.Options{}, nil, func(logline.Line) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Read returns %v", err)
	}
	if lines := readAll(t, path, logline.Options{Follow: true}); len(lines) != 2 {
		t.Errorf("following without a way to: %q", lines)
	}
}

func TestFollow(t *testing.T) {
	w, path := newLog(t, Options{})
	s := w.Stream(logline.Stdout)
	write(t, s, "1\n2\n")
	all, last, next := follow(t, w, path, logline.Options{}), follow(t, w, path, tail(1)), follow(t, w, path, tail(0))
	all.want(t, "stdout F 1", "stdout F 2")
	last.want(t, "stdout F 2")
	late := follow(t, w, path, logline.Options{Since: time.Now().Add(time.Hour)})
	for i := range 3 {
		text := fmt.Sprint("more ", i)
		write(t, s, text+"\n")
		all.want(t, "stdout F "+text)
		last.want(t, "stdout F "+text)
	}
	all.stop(t)
	closeAll(t, w)
	late.stopped(t)
	last.stopped(t)
	for _, line := range next.rest(t) { // it may have begun late
		if !strings.HasPrefix(line, "stdout F more ") {
			t.Errorf("tail 0 has shown %q", line)
		}
	}
}

// stopped checks that nothing more has come up to the end.
func (f *follower) stopped(t *testing.T) {
	t.Helper()
	if lines := f.rest(t); len(lines) > 0 {
		t.Errorf("too many lines: %q", lines)
	}
}

// A line that is split is one line, also when its end has yet to come. With Tail 0 the end is
// shown, since it comes from then on.
func TestFollowSplitLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	synctest.Test(t, func(t *testing.T) {
		w := create(t, path, Options{})
		s := w.Stream(logline.Stdout)
		text := strings.Repeat("x", maxText)
		write(t, s, "0\n"+text+"a")
		last, next := follow(t, w, path, tail(1)), follow(t, w, path, tail(0))
		last.want(t, "stdout P "+text)
		synctest.Wait()
		write(t, s, "b\n")
		last.want(t, "stdout F ab")
		next.want(t, "stdout F ab")
		closeAll(t, w)
		last.stopped(t)
		next.stopped(t)
	})
}

// Files are rotated while a reader has them open.
func TestFollowWhileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	synctest.Test(t, func(t *testing.T) {
		w := create(t, path, Options{MaxSize: 100, Files: 3})
		s := w.Stream(logline.Stdout)
		f := follow(t, w, path, logline.Options{})
		for i := range 100 {
			write(t, s, strconv.Itoa(i)+"\n")
			f.want(t, fmt.Sprint("stdout F ", i))
			synctest.Wait()
		}
		closeAll(t, w)
		f.stopped(t)
	})
}

// numbered writes so many numbered lines, and closes the log.
func numbered(t testing.TB, w *Writer, count int) {
	s := w.Stream(logline.Stdout)
	for i := range count {
		write(t, s, strconv.Itoa(i)+"\n")
	}
	closeAll(t, w)
}

// A reader that follows rotations which come as quickly as can be gets every line, once and in
// order, as long as no file is thrown away.
func TestFollowRotations(t *testing.T) {
	skipOnWine(t)
	for _, size := range []int64{1, 100, 1000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			const count = 200
			w, path := newLog(t, Options{MaxSize: size, Files: count + 1})
			var readers []*follower
			for range 3 {
				readers = append(readers, follow(t, w, path, logline.Options{}))
			}
			numbered(t, w, count)
			for _, f := range readers {
				lines := f.rest(t)
				if len(lines) != count {
					t.Errorf("%d lines, want %d", len(lines), count)
				}
				for i, line := range lines {
					if want := fmt.Sprint("stdout F ", i); line != want {
						t.Fatalf("line %d is %q", i, line)
					}
				}
			}
		})
	}
}

// If files are thrown away, lines may be missing, but none comes twice or out of order, and the
// last ones are there.
func TestFollowLoses(t *testing.T) {
	skipOnWine(t)
	for _, files := range []int{1, 2, 3, 5} {
		t.Run(fmt.Sprint(files), func(t *testing.T) {
			t.Parallel()
			const count = 3000
			w, path := newLog(t, Options{MaxSize: 100, Files: files})
			var readers []*follower
			for range 3 {
				readers = append(readers, follow(t, w, path, logline.Options{}))
			}
			numbered(t, w, count)
			for _, f := range readers {
				before := -1
				for _, line := range f.rest(t) {
					n, err := strconv.Atoi(strings.TrimPrefix(line, "stdout F "))
					if err != nil || n <= before {
						t.Fatalf("%q after line %d", line, before)
					}
					before = n
				}
				if before != count-1 {
					t.Errorf("the last line is %d", before)
				}
			}
		})
	}
}

// Reads that begin in the midst of rotations get lines without a gap.
func TestReadDuringRotations(t *testing.T) {
	skipOnWine(t)
	const count = 500
	w, path := newLog(t, Options{MaxSize: 100, Files: count})
	var writing sync.WaitGroup
	writing.Go(func() { numbered(t, w, count) })
	for done := false; !done; {
		_, done = w.Watch()
		lines := readAll(t, path, logline.Options{})
		for i, line := range lines {
			if want := fmt.Sprint("stdout F ", i); line != want {
				t.Fatalf("line %d is %q", i, line)
			}
		}
		if done && len(lines) != count {
			t.Errorf("%d lines at the end", len(lines))
		}
	}
	writing.Wait()
}

// Somebody removes the file that is written. What is older has been read already.
func TestFollowRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	synctest.Test(t, func(t *testing.T) {
		w := create(t, path, Options{MaxSize: 100, Files: 5})
		s := w.Stream(logline.Stdout)
		write(t, s, "1\n2\n3\n4\n5\n6\n")
		f := follow(t, w, path, logline.Options{})
		f.want(t, "stdout F 1", "stdout F 2", "stdout F 3", "stdout F 4", "stdout F 5", "stdout F 6")
		remove(t, path)
		time.Sleep(checkInterval)
		write(t, s, "7\n8\n")
		f.want(t, "stdout F 7", "stdout F 8")
		mustDo(t, os.Truncate(path, 0))
		time.Sleep(checkInterval)
		write(t, s, "9\n")
		f.want(t, "stdout F 9")
		closeAll(t, w)
		f.stopped(t)
	})
}

// FuzzRead: whatever a file holds, those lines are read that are in the format.
func FuzzRead(f *testing.F) {
	line := "2026-11-22T20:00:00.000000000Z stdout F text\n"
	f.Add([]byte(line+line), 0)
	f.Add([]byte(line+"\x00\n\n"+line+line[:30]), 1000)
	f.Add([]byte("half\n"+line), 4*maxText-3)
	f.Add([]byte(line+line), 4*maxText)
	f.Add([]byte("\n"+line+"\x00"), 9*maxText)
	f.Fuzz(func(t *testing.T, data []byte, long int) {
		data = append(bytes.Repeat([]byte("x"), min(max(0, long), 10*maxText)), data...)
		path := filepath.Join(t.TempDir(), "log")
		mustDo(t, os.WriteFile(path, data, 0o600))
		want := []string{}
		for text := range bytes.Lines(data) {
			text, whole := bytes.CutSuffix(text, []byte("\n"))
			if l, err := logline.Parse(text); err == nil && whole && len(text) < 4*maxText {
				want = append(want, show(l))
			}
		}
		if got := readAll(t, path, logline.Options{}); !slices.Equal(got, want) {
			t.Errorf("%.300q is read as %.300q, want %.300q", data, got, want)
		}
	})
}
