package runlog

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// cursor reads the lines of a file that may grow.
type cursor struct {
	file *os.File
	pos  int64 // where the next line begins

	buf  []byte
	rest []byte // of buf, which is what was read from pos on

	skipping bool // the rest of a line that is too long
}

// newCursor returns a cursor at the beginning of a file.
func newCursor(file *os.File) *cursor { return &cursor{file: file, buf: make([]byte, 4*maxText)} }

// move sets the cursor to the beginning of a file.
func (c *cursor) move(file *os.File) {
	c.file, c.pos, c.rest, c.skipping = file, 0, nil, false
}

// next returns the next line, which is good until the next call, or io.EOF if no line ends
// before end. Lines that are too long to be in the format are left out.
func (c *cursor) next(end int64) ([]byte, error) {
	for {
		if line, rest, whole := bytes.Cut(c.rest, []byte("\n")); whole {
			c.pos += int64(len(line)) + 1
			c.rest = rest
			if c.skipping {
				c.skipping = false
				continue
			}
			return line, nil
		}
		if err := c.fill(end); err != nil {
			return nil, err
		}
	}
}

// fill reads from pos on. What was read before of a line that is not whole is read again: its
// writer may have taken it back.
func (c *cursor) fill(end int64) error {
	c.rest = nil
	most := min(int64(len(c.buf)), end-c.pos)
	if most <= 0 {
		return io.EOF
	}
	n, err := c.file.ReadAt(c.buf[:most], c.pos)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch data := c.buf[:n]; {
	case bytes.IndexByte(data, '\n') >= 0:
		c.rest = data
		return nil
	case n == len(c.buf):
		c.skipping = true
		c.pos += int64(n)
		return nil
	case n == 0:
		return c.rewind()
	}
	return io.EOF
}

// rewind goes back to the beginning if somebody has emptied the file.
func (c *cursor) rewind() error {
	info, err := c.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() >= c.pos {
		return io.EOF
	}
	c.move(c.file)
	return nil
}
