package runlog

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/procgroup/procgroup/internal/logline"
)

// Options bound a log. The zero value is 4 files of 1 MiB.
type Options struct {
	MaxSize int64 // bytes of one file, except where a single line has more; 0 is 1 MiB
	Files   int   // how many are kept, that which is written included; 0 is 4
}

const (
	// bufferSize is how much is written at a time, about.
	bufferSize = 64 << 10

	// checkInterval is how long a file may be written that somebody has removed.
	checkInterval = time.Second
)

// Writer writes a log. There is one at a time for a log. It may be used from many goroutines at
// once.
type Writer struct {
	path    string
	options Options

	mu      sync.Mutex
	streams map[*StreamWriter]struct{} // that are not closed
	closed  bool
	changed chan struct{} // nil if nobody waits for it
	err     error         // of what was written since somebody was told

	file    *os.File    // nil if it could not be opened
	info    os.FileInfo // of file
	size    int64       // of file
	limit   int64       // the size at which the file is full
	torn    bool        // file ends within a line
	checked time.Time   // when the file was last known to have its name

	now  time.Time // of the lines in buf
	buf  []byte    // lines that are to be written
	line []byte    // the last one
}

// Create opens a log, or makes it, to append to it. Its directory has to be there.
func Create(path string, o Options) (*Writer, error) {
	if o.MaxSize < 0 || o.Files < 0 {
		return nil, fmt.Errorf("a log of %d files of %d bytes: %w", o.Files, o.MaxSize, os.ErrInvalid)
	}
	o.MaxSize, o.Files = cmp.Or(o.MaxSize, 1<<20), cmp.Or(o.Files, 4)
	w := &Writer{path: path, options: o, streams: make(map[*StreamWriter]struct{})}
	if err := w.open(); err != nil {
		return nil, err
	}
	return w, nil
}

// Changed returns a channel that is closed at the next line, or when the Writer is closed.
func (w *Writer) Changed() <-chan struct{} {
	changed, _ := w.Watch()
	return changed
}

// Watch returns what Changed does, and whether the Writer is closed, as [Read] asks for it.
func (w *Writer) Watch() (changed <-chan struct{}, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed == nil {
		w.changed = make(chan struct{})
		if w.closed {
			close(w.changed)
		}
	}
	return w.changed, w.closed
}

// Close closes the streams too. It returns what could not be written.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.begin()
	for s := range w.streams {
		s.end()
	}
	err := w.flush()
	w.closed = true
	w.tell()
	w.closeFile()
	return err
}

// begin is called before lines are put. It notices that somebody has removed the file, or cut
// it off.
func (w *Writer) begin() {
	w.now = time.Now()
	if w.file == nil || w.now.Sub(w.checked) < checkInterval {
		return
	}
	w.checked = w.now
	info, err := os.Lstat(w.path)
	if err != nil || !os.SameFile(info, w.info) {
		w.closeFile()
		return
	}
	w.size = min(w.size, info.Size())
}

// put adds a line to those that are to be written.
func (w *Writer) put(stream logline.Stream, text []byte, partial bool) {
	l := logline.Line{Time: w.now, Stream: stream, Text: string(text), Partial: partial}
	w.line = logline.Append(w.line[:0], l)
	size := w.size + int64(len(w.buf))
	switch full := size+int64(len(w.line)) > w.limit; {
	case full && size > 0:
		w.write()
		w.rotate()
	case len(w.buf) > bufferSize:
		w.write()
	}
	w.buf = append(w.buf, w.line...)
}

// flush writes the lines that were put, and returns what went wrong since it was last called.
func (w *Writer) flush() error {
	w.write()
	err := w.err
	w.err = nil
	return err
}

// write writes the lines that were put. If they cannot be written they are lost.
func (w *Writer) write() {
	data := w.buf
	w.buf = w.buf[:0]
	if len(data) == 0 {
		return
	}
	if w.file == nil {
		w.fail(w.open())
	}
	if w.torn {
		w.rotate()
	}
	if w.file == nil || w.torn {
		return
	}
	n, err := w.file.Write(data)
	if err != nil {
		w.fail(err)
		n = w.mend(data[:n])
	}
	w.size += int64(n)
	w.tell()
}

// mend takes back the half line at the end of what was written, and returns the size of the
// rest. Without that, the next line would complete it to one that nobody has written.
func (w *Writer) mend(data []byte) int {
	whole := bytes.LastIndexByte(data, '\n') + 1
	if whole == len(data) {
		return whole
	}
	// Windows truncates no file that was opened to append.
	if err := w.file.Truncate(w.size + int64(whole)); err != nil {
		w.torn = true
		return len(data)
	}
	return whole
}

// rotate begins a new file. If that cannot be done it is tried again when the file has
// doubled, or at once if no line can be written before.
func (w *Writer) rotate() {
	if w.file == nil {
		return // nothing is in the way
	}
	if err := rotateFiles(w.path, w.options.Files); err != nil {
		w.fail(err)
		w.limit = w.size + w.options.MaxSize
		return
	}
	w.closeFile()
	w.fail(w.open())
}

// open opens the file.
func (w *Writer) open() error {
	file, err := openFile(w.path, os.O_RDWR|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return err
	}
	w.file, w.info, w.size = file, info, info.Size()
	w.limit, w.checked = w.options.MaxSize, time.Now()
	if w.size > 0 {
		last := []byte{0}
		_, err = file.ReadAt(last, w.size-1)
		w.torn = err != nil || last[0] != '\n'
	}
	return nil
}

// closeFile forgets the file.
func (w *Writer) closeFile() {
	if w.file != nil {
		w.fail(w.file.Close())
	}
	w.file, w.info, w.size, w.torn = nil, nil, 0, false
}

// fail keeps the first error until somebody is told.
func (w *Writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// tell wakes those who wait for a change.
func (w *Writer) tell() {
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}
