package procgroup

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// output copies what a tree writes to Writers that are not files. os/exec would do it,
// but until the last process that has the pipe closes it; here it ends with the group.
type output struct {
	stdout, stderr io.Writer // what the caller had set
	writers        []*os.File
	copies         []*pipeCopy
}

// redirect makes cmd write to pipes where its Stdout and Stderr are neither nil nor
// files. If both are the same, one pipe serves both, and there is one copy at a time,
// as os/exec promises.
func redirect(cmd *exec.Cmd) (*output, error) {
	o := &output{stdout: cmd.Stdout, stderr: cmd.Stderr}
	var err error
	if cmd.Stdout, err = o.pipe(o.stdout); err != nil {
		o.started(cmd, false)
		return nil, err
	}
	if o.stderr != nil && same(o.stdout, o.stderr) {
		cmd.Stderr = cmd.Stdout
	} else if cmd.Stderr, err = o.pipe(o.stderr); err != nil {
		o.started(cmd, false)
		return nil, err
	}
	return o, nil
}

// same compares two Writers, of which the types may not be comparable.
func same(a, b io.Writer) bool {
	defer func() { _ = recover() }()
	return a == b
}

// pipe returns the end of a new pipe that the tree writes to, or w itself if it needs
// no copying.
func (o *output) pipe(w io.Writer) (io.Writer, error) {
	if isFile(w) {
		return w, nil
	}
	r, pw, err := newPipe()
	if err != nil {
		return nil, err
	}
	o.writers = append(o.writers, pw)
	o.copies = append(o.copies, &pipeCopy{from: r, to: w, done: make(chan struct{})})
	return pw, nil
}

// isFile reports whether a Reader or Writer is handed to the command itself, or is nil.
func isFile(rw any) bool {
	_, ok := rw.(*os.File)
	return ok || rw == nil
}

// started gives cmd its Writers back, and lets the copying begin if it was started.
func (o *output) started(cmd *exec.Cmd, ok bool) {
	cmd.Stdout, cmd.Stderr = o.stdout, o.stderr
	for _, w := range o.writers {
		w.Close()
	}
	for _, c := range o.copies {
		if ok {
			go c.run()
		} else {
			c.from.Close()
		}
	}
}

// finish waits until what the tree has written is copied. Who may still have a pipe is
// not a member any more: nobody waits for what they write. A delay of more than 0 bounds
// the copying; the error is exec.ErrWaitDelay then.
func (o *output) finish(delay time.Duration) error {
	var timeout <-chan time.Time
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		timeout = timer.C
	}
	for _, c := range o.copies {
		c.drain()
	}
	var errs []error
	for _, c := range o.copies {
		select {
		case <-c.done:
			errs = append(errs, c.err)
		case <-timeout:
			errs = append(errs, exec.ErrWaitDelay)
		}
		c.from.Close()
	}
	return errors.Join(errs...)
}

// pipeCopy copies from a pipe to a Writer.
type pipeCopy struct {
	from *os.File
	to   io.Writer
	done chan struct{} // closed when err is set and nothing more is written
	err  error
}

func (c *pipeCopy) run() {
	defer close(c.done)
	defer c.from.Close() // also when the Writer has failed: nobody writes to a pipe in vain for long
	buf := make([]byte, 32<<10)
	for {
		n, err := c.from.Read(buf)
		if n > 0 && !c.write(buf[:n]) {
			return
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.takeRest(buf)
			return
		case errors.Is(err, io.EOF), errors.Is(err, os.ErrClosed):
			return
		case err != nil:
			c.err = err
			return
		}
	}
}

func (c *pipeCopy) write(p []byte) bool {
	n, err := c.to.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	c.err = err
	return err == nil
}

// drain makes the copying end with what is in the pipe now.
func (c *pipeCopy) drain() {
	// The copying goroutine wakes up, and takes the rest without waiting for more.
	_ = c.from.SetReadDeadline(time.Now())
}

// takeRest copies what is in the pipe, which is at most what a pipe can hold: more is
// from somebody who is still writing.
func (c *pipeCopy) takeRest(buf []byte) {
	_ = c.from.SetReadDeadline(time.Time{})
	conn, err := c.from.SyscallConn()
	if err != nil {
		c.err = err
		return
	}
	rest := 0
	if err := conn.Control(func(fd uintptr) { rest = pipeCapacity(fd) }); err != nil {
		c.err = err
		return
	}
	for rest > 0 {
		n := 0
		err := conn.Read(func(fd uintptr) bool {
			n = readNow(fd, buf[:min(len(buf), rest)])
			return true
		})
		if err != nil || n <= 0 || !c.write(buf[:n]) {
			return
		}
		rest -= n
	}
}

// excerpt keeps the beginning and the end of what is written to it, as much as os/exec
// keeps of standard error.
type excerpt struct {
	head, tail []byte
	omitted    int
}

const excerptSize = 32 << 10

func (e *excerpt) Write(p []byte) (int, error) {
	n := len(p)
	fits := min(excerptSize-len(e.head), n)
	e.head = append(e.head, p[:fits]...)
	e.tail = append(e.tail, p[fits:]...)
	if over := len(e.tail) - excerptSize; over > 0 {
		e.omitted += over
		e.tail = append(e.tail[:0], e.tail[over:]...)
	}
	return n, nil
}

func (e *excerpt) Bytes() []byte {
	if e.omitted == 0 {
		return append(e.head, e.tail...)
	}
	note := fmt.Sprintf("\n... omitting %d bytes ...\n", e.omitted)
	return append(append(e.head, note...), e.tail...)
}

// defaultPipeCapacity is 64 KiB, what pipes hold on the systems here, if nobody asks for
// more; on Windows it is asked for.
const defaultPipeCapacity = 64 << 10
