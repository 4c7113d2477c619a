package cli

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/procgroup/procgroup/control"
	"github.com/procgroup/procgroup/internal/runlog"
)

// capture takes in what a command writes, on its way to the log and to our own standard streams.
type capture struct {
	log     *runlog.Writer      // nil if there is none
	through bool                // our own streams get it as well
	viewer  func() func([]byte) // makes what is shown a stream; nil if nobody wants to see
}

// captured is the output of a command that was started.
type captured struct {
	stdout, stderr *os.File // the command's ends of the pipes
	copies         sync.WaitGroup
}

// open makes the pipes.
func (c *capture) open() (*captured, error) {
	out := new(captured)
	var err error
	if out.stdout, err = c.pipe(out, control.Stdout, os.Stdout); err != nil {
		return nil, err
	}
	if out.stderr, err = c.pipe(out, control.Stderr, os.Stderr); err != nil {
		out.stdout.Close()
		return nil, err
	}
	return out, nil
}

// pipe makes the pipe of one stream, which is copied until nobody has its other end.
func (c *capture) pipe(out *captured, name control.Stream, ours *os.File) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out.copies.Go(func() {
		defer r.Close()
		c.copy(r, name, ours)
	})
	return w, nil
}

// copy takes in a stream. If our own cannot be written any more, it ends, so that the command
// sees its pipe broken as it would have seen ours.
func (c *capture) copy(r io.Reader, name control.Stream, ours *os.File) {
	var log io.WriteCloser
	if c.log != nil {
		log = c.log.Stream(name)
		defer log.Close()
	}
	view := func([]byte) {}
	if c.viewer != nil {
		view = c.viewer()
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if log != nil {
			_, _ = log.Write(buf[:n]) // a full disk does not end the run
		}
		view(buf[:n])
		if c.through && n > 0 {
			if _, err := ours.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// started lets go of the command's ends, which the command has by now.
func (c *captured) started() {
	if c != nil {
		c.stdout.Close()
		c.stderr.Close()
	}
}

// drainLimit bounds the wait for the rest of the output, when nobody is left to write more.
// Somebody who was let go may hold the pipe for ever.
const drainLimit = time.Second

// drain waits until all was taken in.
func (c *captured) drain() {
	if c == nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.copies.Wait()
	}()
	select {
	case <-done:
	case <-time.After(drainLimit):
	}
}
