package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/procgroup/procgroup"
)

// runner is one run of the verb run or init. Everything happens in one goroutine, that
// of run, in the order in which follow hears of it.
type runner struct {
	runOptions
	cmd     *exec.Cmd
	stderr  io.Writer
	signals <-chan os.Signal // for the group

	group    *procgroup.Group
	terminal *terminal           // nil if the command is not a job on our terminal
	stops    chan syscall.Signal // what has stopped the command

	limitClock stopwatch // rings when the time limit is over
	graceClock stopwatch // rings when those who were asked to end should have
	timedOut   bool
	asked      int // how many signals have asked the group to end
	killed     bool
}

// run runs the command and returns how it ended: nil for status 0, else an exitError.
func (r *runner) run() error {
	group, err := procgroup.New(procgroup.Options{
		Containment: r.containment, Require: r.require, WithReaper: r.withReaper,
	})
	if err != nil {
		return failed(err)
	}
	r.group = group
	r.tell("held by %s, which guarantees: %s", group.Containment(), group.Guarantees())
	if err := r.start(); err != nil {
		return errors.Join(err, failed(group.Close()))
	}
	err = r.finish()
	if err := errors.Join(err, group.Close()); err != nil {
		return failed(err)
	}
	if status := r.status(); status != 0 {
		return &exitError{status: status}
	}
	return nil
}

// catchSignals makes signals come to the channel that it returns. Those that were
// ignored when the program was started stay so.
func catchSignals(which []os.Signal) chan os.Signal {
	caught := make(chan os.Signal, 128)
	for _, sig := range which {
		if !signal.Ignored(sig) {
			signal.Notify(caught, sig)
		}
	}
	// A line on a standard error that nobody reads any more must not end procgroup
	// before the group. Commands still get the default action.
	if len(brokenPipe) > 0 {
		signal.Notify(make(chan os.Signal, 1), brokenPipe...)
	}
	return caught
}

func (r *runner) start() error {
	r.terminal = openTerminal(r.group.Containment())
	r.terminal.prepare(r.cmd, r.group.Containment())
	if err := r.group.Start(r.cmd); err != nil {
		r.terminal.close()
		return startFailed(r.cmd, err)
	}
	r.terminal.started(r.cmd.Process.Pid)
	if r.timeout > 0 {
		r.limitClock.start(r.timeout)
	}
	return nil
}

// finish follows the group to its end.
func (r *runner) finish() error {
	defer r.limitClock.stop()
	defer r.graceClock.stop()
	r.stops = make(chan syscall.Signal)
	exited := make(chan struct{})
	var waitErr error
	go func() {
		defer close(exited)
		waitErr = awaitExit(r.cmd, r.terminal != nil, r.stops)
	}()
	r.follow(exited, false)
	r.terminal.close()
	r.terminal, r.stops = nil, nil
	if waitErr != nil {
		return waitErr
	}
	return r.settle()
}

// follow deals with what happens until the channel is closed or, if it is for the
// leftovers, they have been killed.
func (r *runner) follow(until <-chan struct{}, leftovers bool) {
	for !leftovers || !r.killed {
		select {
		case <-until:
			return
		case sig := <-r.signals:
			r.signaled(sig)
		case sig := <-r.stops:
			r.commandStopped(sig)
		case <-r.limitClock.rings():
			r.timeIsUp()
		case <-r.graceClock.rings():
			r.tell("still there %v after it was asked to end: killing", r.grace)
			r.kill()
		}
	}
}

// settle deals with the leftovers, and reaps the command.
func (r *runner) settle() error {
	wait := r.leftovers == procgroup.WaitLeftovers || r.timedOut // asked to end, with the grace for it
	switch {
	case r.killed:
		return r.reap()
	case wait:
		// Reaped first: a leftover may be waiting for just that.
		if err := r.reap(); err != nil {
			return err
		}
		r.follow(r.group.Done(), true)
		return nil
	case r.leftovers == procgroup.LeaveLeftovers:
		return errors.Join(r.group.Release(), r.reap())
	}
	// Reaped last: until then the command's number is nobody else's.
	return errors.Join(r.endAll("killed leftover", r.group.Close), r.reap())
}

// reap waits for the command, which has ended, unless that was done already.
func (r *runner) reap() error {
	if r.cmd.ProcessState != nil {
		return nil
	}
	return ignoreExit(r.cmd.Wait())
}

// ignoreExit drops the error that tells only how a command ended.
func ignoreExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

// endAll ends all members by one of the group's methods, and tells who they were.
func (r *runner) endAll(what string, end func() error) error {
	var members []procgroup.Process
	var listErr error
	if r.verbose {
		members, listErr = r.group.Processes()
	}
	err := end()
	for _, p := range members {
		r.tell("%s %d (%s): %s", what, p.PID, p.Name, quoteCommand(p.Command))
	}
	return errors.Join(listErr, err)
}

// quoteCommand returns a command line in one line that shows where each argument ends.
func quoteCommand(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = arg
		plain := strings.ReplaceAll(arg, `\`, "") // the paths of Windows have many
		if arg == "" || strconv.Quote(plain) != `"`+plain+`"` || strings.ContainsAny(arg, " '") {
			quoted[i] = strconv.Quote(arg)
		}
	}
	return strings.Join(quoted, " ")
}

// signaled deals with a signal that procgroup got.
func (r *runner) signaled(sig os.Signal) {
	switch {
	case isStop(sig):
		r.askedToStop(sig)
		return
	case sig == wakeSignal && !orphaned():
		return // a shell has continued us, and standStill goes on
	case sig == os.Interrupt || sig == syscall.SIGTERM:
		r.asked++
		if r.asked > 1 {
			r.tell("asked to end again: killing")
			r.kill()
			return
		}
	}
	r.pass(sig)
}

// pass sends a signal to the whole group. That nobody can be asked by it, as on Windows, is for
// those who want to know.
func (r *runner) pass(sig os.Signal) {
	switch err := send(r.group, sig); {
	case err == nil || errors.Is(err, os.ErrProcessDone):
	case errors.Is(err, errors.ErrUnsupported):
		r.tell("%s", oneLine(err))
	default:
		complain(r.stderr, err)
	}
}

// timeIsUp asks the group to end.
func (r *runner) timeIsUp() {
	r.timedOut = true
	if r.grace == 0 {
		r.tell("time limit of %v is over: killing", r.timeout)
		r.kill()
		return
	}
	r.tell("time limit of %v is over: sending %s", r.timeout, signalName(r.signal))
	r.graceClock.start(r.grace)
	r.pass(r.signal)
	if wakeSignal != nil {
		r.pass(wakeSignal) // who is stopped has to run to get the first
	}
}

func (r *runner) kill() {
	r.killed = true
	if err := r.endAll("killed", r.group.Kill); err != nil {
		complain(r.stderr, err)
	}
}

// pauseLimit bounds the time that Ctrl-Z may take to pause a group.
const pauseLimit = 2 * time.Second

// askedToStop deals with Ctrl-Z where it does not reach the command by itself.
func (r *runner) askedToStop(sig os.Signal) {
	if r.terminal != nil {
		r.terminal.askToStop() // commandStopped hears of it, if the command does stop
		return
	}
	if orphaned() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), pauseLimit)
	defer cancel()
	if err := r.group.Pause(ctx); err != nil {
		complain(r.stderr, err)
		return
	}
	r.standStill(sig.(syscall.Signal), false)
	if err := r.group.Resume(context.Background()); err != nil {
		complain(r.stderr, err)
	}
}

// commandStopped deals with a command that was stopped.
func (r *runner) commandStopped(sig syscall.Signal) {
	if stop, wholeJob := r.terminal.yield(sig); stop {
		r.standStill(sig, wholeJob)
		r.terminal.resume()
	}
}

// standStill stops procgroup, and its clocks, until it is continued; with wholeJob, the
// job that it is a part of.
func (r *runner) standStill(sig syscall.Signal, wholeJob bool) {
	r.limitClock.hold()
	r.graceClock.hold()
	stopSelf(sig, wholeJob)
	r.graceClock.run()
	r.limitClock.run()
}

// status returns the exit status for how the command ended.
func (r *runner) status() int {
	if r.timedOut {
		return statusTimeout
	}
	return commandStatus(r.cmd.ProcessState)
}

// tell says something on standard error if that is wanted.
func (r *runner) tell(format string, args ...any) {
	if r.verbose {
		fmt.Fprintf(r.stderr, "procgroup: "+format+"\n", args...)
	}
}
