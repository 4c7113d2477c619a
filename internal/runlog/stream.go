package runlog

import (
	"os"
	"time"

	"github.com/procgroup/procgroup/internal/logline"
)

// pause is after what time without more a line is written that has no line break yet, such as a
// prompt.
const pause = time.Second

// StreamWriter is the end of a [Writer] to which one stream is written.
type StreamWriter struct {
	w      *Writer
	stream logline.Stream

	// The Writer's mu guards the rest.
	lines  splitter
	timer  *time.Timer // for what has no line break yet
	closed bool
}

// Stream returns a writer for a stream, which is to be closed.
func (w *Writer) Stream(s logline.Stream) *StreamWriter {
	w.mu.Lock()
	defer w.mu.Unlock()
	stream := &StreamWriter{w: w, stream: s, closed: w.closed}
	stream.timer = time.AfterFunc(pause, stream.flush)
	stream.timer.Stop()
	if !w.closed {
		w.streams[stream] = struct{}{}
	}
	return stream
}

// Write takes all of p always: a command does not have to end because its output cannot be
// kept. What cannot be written is lost, and the error says why, once. It may be of something
// that an earlier Write has taken. After Close it is [os.ErrClosed].
func (s *StreamWriter) Write(p []byte) (int, error) {
	w := s.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.closed {
		return len(p), os.ErrClosed
	}
	w.begin()
	s.lines.write(p, s.put)
	if len(s.lines.rest) > 0 {
		s.timer.Reset(pause)
	} else {
		s.timer.Stop()
	}
	return len(p), w.flush()
}

// Close writes what has no line break yet.
func (s *StreamWriter) Close() error {
	w := s.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.closed {
		return nil
	}
	w.begin()
	s.end()
	return w.flush()
}

// end closes the stream, and puts what has no line break yet. The caller holds the Writer's mu.
func (s *StreamWriter) end() {
	s.timer.Stop()
	s.lines.flush(s.put)
	s.closed = true
	delete(s.w.streams, s)
}

// flush writes what has no line break yet. The next Write tells if that goes wrong.
func (s *StreamWriter) flush() {
	w := s.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.closed {
		return
	}
	w.begin()
	s.lines.flush(s.put)
	w.write()
}

func (s *StreamWriter) put(text []byte, partial bool) { s.w.put(s.stream, text, partial) }
