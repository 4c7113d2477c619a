package procgroup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
)

// Leftovers says what happens to the members of a group that outlive its leader.
type Leftovers int

const (
	// KillLeftovers kills them. It is the default.
	KillLeftovers Leftovers = iota

	// WaitLeftovers waits for them.
	WaitLeftovers

	// LeaveLeftovers lets them live on, uncontained: see [Group.Release].
	LeaveLeftovers
)

var leftoversNames = [...]string{"kill", "wait", "leave"}

// String returns "kill", "wait" or "leave".
func (l Leftovers) String() string {
	if l < 0 || int(l) >= len(leftoversNames) {
		return fmt.Sprintf("Leftovers(%d)", int(l))
	}
	return leftoversNames[l]
}

// MarshalText returns what String does.
func (l Leftovers) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a name as String returns it. The error for another text wraps
// [os.ErrInvalid].
func (l *Leftovers) UnmarshalText(text []byte) error {
	for i, name := range leftoversNames {
		if string(text) == name {
			*l = Leftovers(i)
			return nil
		}
	}
	return fmt.Errorf("procgroup: leftovers can be kill, wait or leave, not %q: %w", text, os.ErrInvalid)
}

// Cmd is an [os/exec.Cmd] that starts its command in a group of its own, and whose
// methods act on the whole tree. Make one with [Command] or [CommandContext], or from
// an exec.Cmd that was not started. All fields and methods that are not described here
// are those of exec.Cmd. Like an exec.Cmd it cannot be used again.
//
// When its context ends, the whole tree is killed, unless Cancel says otherwise; when
// Cancel or the end of WaitDelay has ended the command itself, what is left is killed,
// whatever Leftovers says.
type Cmd struct {
	*exec.Cmd

	// Options for the command's group. The zero value is the strongest containment.
	Options Options

	// Leftovers says what happens to members that outlive the command. The zero value
	// is KillLeftovers.
	Leftovers Leftovers

	ctx      context.Context // nil if there is none, or only os/exec knows it
	group    *Group
	output   *output
	watch    *contextWatch // nil if there is no context, or os/exec watches it
	canceled chan struct{} // closed when Cancel was called
	piped    bool          // the caller reads from a pipe
	stdin    bool          // or writes to one
	settled  chan error    // what settle says; nil unless piped
	waited   bool
}

// Command returns a Cmd that runs the named program, as [exec.Command] does.
func Command(name string, arg ...string) *Cmd {
	return &Cmd{Cmd: exec.Command(name, arg...)}
}

// CommandContext is like Command, but kills the whole tree when ctx ends.
func CommandContext(ctx context.Context, name string, arg ...string) *Cmd {
	c := &Cmd{Cmd: exec.CommandContext(ctx, name, arg...), ctx: ctx}
	c.Cancel = c.killTree
	return c
}

// isNil reports whether there is no exec.Cmd to start, as in the zero Cmd.
func (c *Cmd) isNil() bool { return c == nil || c.Cmd == nil }

// killTree is the Cancel of a Cmd that has a context.
func (c *Cmd) killTree() error {
	err := c.group.Kill()
	if errors.Is(err, ErrClosed) {
		return os.ErrProcessDone // so that Wait does not report it
	}
	return err
}

// Group returns the group that the command was started in, nil before Start. It is
// closed, or released, when Wait has returned.
func (c *Cmd) Group() *Group { return c.group }

// StdoutPipe is as in [exec.Cmd]. What is read from the pipe ends when the command and
// its leftovers have: those are dealt with when the command has ended, and not only when
// Wait is called.
func (c *Cmd) StdoutPipe() (io.ReadCloser, error) {
	c.piped = true
	return c.Cmd.StdoutPipe()
}

// StderrPipe is as in [exec.Cmd], and ends as StdoutPipe does.
func (c *Cmd) StderrPipe() (io.ReadCloser, error) {
	c.piped = true
	return c.Cmd.StderrPipe()
}

// StdinPipe is as in [exec.Cmd].
func (c *Cmd) StdinPipe() (io.WriteCloser, error) {
	c.stdin = true
	return c.Cmd.StdinPipe()
}

// isPlain reports whether os/exec has nothing to do for the command but to start it, when
// its output has been redirected.
func (c *Cmd) isPlain() bool {
	return !c.piped && !c.stdin && isFile(c.Stdin) && c.WaitDelay == 0 && (c.ctx != nil || c.Cancel == nil)
}

// Start starts the command in a new group and does not wait for it. After a nil error
// Wait must be called. The errors are those of [New], of [Group.Start], and of
// os/exec.
func (c *Cmd) Start() error {
	switch {
	case c.isNil():
		return fail("start", nil, errNilCommand)
	case c.group != nil:
		return fail("start", nil, errStartedBefore)
	case c.Leftovers < 0 || int(c.Leftovers) >= len(leftoversNames):
		return fail("start", nil, fmt.Errorf("%v: %w", c.Leftovers, os.ErrInvalid))
	}
	group, err := New(c.Options)
	if err != nil {
		return err
	}
	output, err := redirect(c.Cmd)
	if err != nil {
		return errors.Join(fail("start", nil, err), group.Close())
	}
	c.group, c.output = group, output
	c.noteCancel()
	var s started
	if err = c.contextErr(); err == nil {
		s, err = group.start(c.Cmd, c.isPlain())
	}
	output.started(c.Cmd, err == nil)
	if err != nil {
		c.group = nil
		return errors.Join(err, group.Close())
	}
	if s.byHand && c.ctx != nil {
		c.watch = watchContext(c.ctx, c.Cancel)
	}
	if c.piped {
		// The caller reads first, to the end, and then calls Wait.
		c.settled = make(chan error, 1)
		go func() { c.settled <- c.settleUnreaped() }()
	}
	return nil
}

// noteCancel makes it known when Cancel is called.
func (c *Cmd) noteCancel() {
	c.canceled = make(chan struct{})
	cancel := c.Cancel
	if cancel == nil {
		return
	}
	once := sync.OnceFunc(func() { close(c.canceled) })
	c.Cancel = func() error {
		defer once()
		return cancel()
	}
}

// Wait waits until the command has ended, deals with its leftovers, and waits until the
// output has been copied. The error is as from [exec.Cmd.Wait]: nil for a command that
// ended well, an [*exec.ExitError] for one that did not. What goes wrong with the
// leftovers is in the error as well.
//
// Wait does not hang on a pipe that a leftover, or a process that has left the
// containment, holds open: when the group is done with, it takes what is in the pipe
// and closes it. WaitDelay bounds the time that the copying may take from then on, as
// when a Writer is slow.
func (c *Cmd) Wait() error {
	if c.isNil() {
		return fail("wait", nil, errNilCommand)
	}
	if c.group == nil || c.waited {
		return c.Cmd.Wait() // says what is wrong
	}
	c.waited = true
	waitErr, err := c.waitAndSettle()
	copyErr := c.output.finish(c.WaitDelay)
	switch {
	case waitErr != nil && err == nil:
		return waitErr
	case waitErr == nil && err == nil:
		return copyErr
	}
	return errors.Join(waitErr, err)
}

// waitForCommand waits for the command, as os/exec does.
func (c *Cmd) waitForCommand() error {
	err := c.Cmd.Wait()
	if c.watch != nil {
		err = c.watch.finish(err)
	}
	return err
}

// contextErr returns why the context does not let the command start.
func (c *Cmd) contextErr() error {
	if c.ctx == nil {
		return nil
	}
	return c.ctx.Err()
}

// contextWatch does what os/exec does when a context ends, for a command that it has not
// started.
type contextWatch struct {
	stop func() bool   // false if the context has ended
	over chan struct{} // closed when err is set
	err  error
}

func watchContext(ctx context.Context, cancel func() error) *contextWatch {
	w := &contextWatch{over: make(chan struct{})}
	w.stop = context.AfterFunc(ctx, func() {
		defer close(w.over)
		if cancel == nil {
			return
		}
		switch err := cancel(); {
		case err == nil:
			w.err = ctx.Err()
		case !errors.Is(err, os.ErrProcessDone):
			w.err = fmt.Errorf("exec: canceling Cmd: %w", err)
		}
	})
	return w
}

// finish ends the watch, and returns what Wait does: err, if the command did not end well
// by itself.
func (w *contextWatch) finish(err error) error {
	if w.stop() {
		return err
	}
	<-w.over
	if err == nil {
		err = w.err
	}
	return err
}

// waitAndSettle waits for the command and deals with its leftovers.
func (c *Cmd) waitAndSettle() (waitErr, err error) {
	switch {
	case c.settled != nil:
		err = <-c.settled
	case c.Leftovers == KillLeftovers && c.group.mechanism.guarantees.Has(NoEscape) && isFile(c.Stdin):
		// The containment finds the leftovers without the command, and os/exec has
		// nothing to wait for that they could hold up.
		return c.waitForCommand(), c.settle()
	default:
		err = c.settleUnreaped()
	}
	return c.waitForCommand(), err
}

// settleUnreaped waits until the command has ended and deals with its leftovers before it
// is reaped: until then its number is nobody else's.
func (c *Cmd) settleUnreaped() error {
	return errors.Join(awaitExit(c.Process), c.settle())
}

// settle deals with the leftovers, and ends the group.
func (c *Cmd) settle() error {
	leftovers := c.Leftovers
	if isClosed(c.canceled) {
		leftovers = KillLeftovers
	}
	switch leftovers {
	case WaitLeftovers:
		select {
		case <-c.group.Done():
		case <-c.canceled:
		}
	case LeaveLeftovers:
		return c.group.Release()
	}
	return c.group.Close()
}

// Run starts the command and waits for it.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output runs the command and returns its standard output. If Stderr is nil, what the
// command writes there is put into the Stderr field of an [*exec.ExitError].
func (c *Cmd) Output() ([]byte, error) {
	switch {
	case c.isNil():
		return nil, fail("output", nil, errNilCommand)
	case c.Stdout != nil:
		return nil, fail("output", nil, fmt.Errorf("field Stdout is set: %w", os.ErrInvalid))
	}
	var stdout bytes.Buffer
	c.Stdout = &stdout
	var stderr *excerpt
	if c.Stderr == nil {
		stderr = new(excerpt)
		c.Stderr = stderr
	}
	err := c.Run()
	var exit *exec.ExitError
	if stderr != nil && errors.As(err, &exit) {
		exit.Stderr = stderr.Bytes()
	}
	return stdout.Bytes(), err
}

// CombinedOutput runs the command and returns its standard output and standard error
// as they came.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	switch {
	case c.isNil():
		return nil, fail("output", nil, errNilCommand)
	case c.Stdout != nil || c.Stderr != nil:
		return nil, fail("output", nil, fmt.Errorf("field Stdout or Stderr is set: %w", os.ErrInvalid))
	}
	var both bytes.Buffer
	c.Stdout, c.Stderr = &both, &both
	err := c.Run()
	return both.Bytes(), err
}
