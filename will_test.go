//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// newWill returns a will in which nothing stands.
func newWill(t *testing.T) *will {
	t.Helper()
	file, err := newWillFile()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return &will{file: file}
}

// mustAdd writes a text down.
func (w *will) mustAdd(t *testing.T, text string) (slot int) {
	t.Helper()
	slot, err := w.add("test", text)
	if err != nil {
		t.Fatal(err)
	}
	return slot
}

// wantWill checks which texts stand in a will, in any order.
func wantWill(t *testing.T, w *will, want ...string) {
	t.Helper()
	var got []string
	for _, b := range readWill(w.file) {
		var text string
		if err := json.Unmarshal(b.Body, &text); err != nil || b.Kind != "test" {
			t.Errorf("%s %s: %v", b.Kind, b.Body, err)
		}
		got = append(got, text)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("there stands %q, want %q", got, want)
	}
}

func TestWill(t *testing.T) {
	w := newWill(t)
	wantWill(t, w)
	a, b, c := w.mustAdd(t, "a"), w.mustAdd(t, "b"), w.mustAdd(t, "c")
	wantWill(t, w, "a", "b", "c")
	if err := w.set(b, "test", strings.Repeat("long", 100)); err != nil {
		t.Error(err)
	}
	if err := w.set(b, "test", "other"); err != nil {
		t.Error(err)
	}
	wantWill(t, w, "a", "other", "c")
	w.remove(a)
	w.remove(c)
	wantWill(t, w, "other")
	if slot := w.mustAdd(t, "d"); slot != a && slot != c {
		t.Errorf("slot %d was taken, %d and %d are free", slot, a, c)
	}
	w.mustAdd(t, "e")
	w.mustAdd(t, "f")
	wantWill(t, w, "other", "d", "e", "f")
}

// What is too large is not written down in part, and its slot is free again.
func TestWillTooLarge(t *testing.T) {
	w := newWill(t)
	w.mustAdd(t, "a")
	if _, err := w.add("test", strings.Repeat("x", willSlot)); err == nil {
		t.Error("more than a slot was written down")
	}
	if _, err := w.add("test", func() {}); !errors.As(err, new(*json.UnsupportedTypeError)) {
		t.Errorf("add of a function: %v", err)
	}
	wantWill(t, w, "a")
	w.mustAdd(t, "b")
	wantWill(t, w, "a", "b")
	if w.slots != 2 {
		t.Errorf("%d slots are used, want 2", w.slots)
	}
}

// Another process reads what many goroutines have written.
func TestWillOfManyGoroutines(t *testing.T) {
	const each = 50
	w := newWill(t)
	var writing sync.WaitGroup
	var want []string
	for i := range 8 {
		want = append(want, fmt.Sprintf("%d stays", i))
		writing.Go(func() {
			for range each {
				slot, err := w.add("test", "passes")
				if err != nil {
					t.Error(err)
					return
				}
				w.remove(slot)
			}
			if _, err := w.add("test", fmt.Sprintf("%d stays", i)); err != nil {
				t.Error(err)
			}
		})
	}
	writing.Wait()
	wantWill(t, w, want...)
}

// willText returns a slot in which a text stands, behind a length.
func willText(size uint32, text string) []byte {
	slot := append(binary.NativeEndian.AppendUint32(nil, size), text...)
	return append(slot, make([]byte, max(0, willSlot-len(slot)))...)
}

// Whatever stands in the file, what can be read is what can be read of each slot alone, and
// can be written down again.
func FuzzWill(f *testing.F) {
	const text = `{"Kind":"cgroup","Body":{"Path":"/a"}}`
	good := willText(uint32(len(text)), text)
	for _, data := range [][]byte{
		nil, {1}, {0, 0, 0, 0}, {1, 0, 0, 0}, good, good[:4+len(text)], good[:4+len(text)-1],
		slices.Concat(good, willText(0, ""), willText(5, "short"), good),
		slices.Concat(good, willText(willSlot-4, text), willText(willSlot-3, text), willText(uint32(len(text))-1, text)),
		slices.Concat(willText(1<<31, text), willText(1<<32-1, text), good[:4]),
		willText(4, "null"), willText(2, "{}"), willText(13, `{"Kind":"\xff"}`),
	} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		list := readFuzzed(t, data)
		var alone []bequest
		for slot := range slices.Chunk(data, willSlot) {
			alone = append(alone, readFuzzed(t, slot)...)
		}
		same := func(a, b bequest) bool { return a.Kind == b.Kind && bytes.Equal(a.Body, b.Body) }
		if !slices.EqualFunc(list, alone, same) {
			t.Fatalf("there stands %v, each slot alone says %v", list, alone)
		}
		w := newWill(t)
		var written []bequest
		for _, b := range list {
			if _, err := w.add(b.Kind, b.Body); err == nil { // not if it takes more room now
				written = append(written, b)
			}
		}
		if got := readWill(w.file); len(got) != len(written) {
			t.Errorf("there stands %v, %v was written down", got, written)
		}
	})
}

// readFuzzed reads a will in which data stand.
func readFuzzed(t *testing.T, data []byte) []bequest {
	t.Helper()
	file, err := newWillFile()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(data); err != nil {
		t.Fatal(err)
	}
	return readWill(file)
}
