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
	"sync"
	"syscall"
	"time"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
	"github.com/procgroup/procgroup/internal/runlog"
)

// runner is one run of the verb run or init. Everything happens in one goroutine, that
// of run, in the order in which follow hears of it.
type runner struct {
	runOptions
	command *exec.Cmd // as it is started, each time anew
	stderr  io.Writer
	signals <-chan os.Signal // for the group

	parent   *parent
	presence *presence
	requests chan func()   // of others: see remote
	ended    chan struct{} // closed when the run is over

	log     *runlog.Writer // nil if output is not kept
	logFile string

	groupLock sync.Mutex       // for others who read group
	group     *procgroup.Group // nil while there is none

	cmd        *exec.Cmd
	terminal   *terminal           // nil if the command is not a job on our terminal
	onTerminal bool                // it was, or is
	stops      chan syscall.Signal // what has stopped the command
	output     *captured           // nil if the command writes to our own streams
	watch      *readyWatch         // nil if nobody wants to know, or knows by now

	limitClock stopwatch // rings when the time limit is over
	readyClock stopwatch // rings when the command should be ready
	graceClock stopwatch // rings when those who were asked to end should have
	timedOut   bool
	notReady   bool // in time
	stopping   bool // the command is not started again
	ending     bool // the group was asked to end, with a grace for it
	asked      int  // how many signals have asked the group to end
	killed     bool
	paused     bool

	exit     *control.Exit // how the command ended last
	restarts int
	inARow   int // ends that came soon after the start
	failures int // those of them that were failures
}

// run runs the command and returns how it ended: nil for status 0, else an exitError.
func (r *runner) run() error {
	r.requests, r.ended = make(chan func()), make(chan struct{})
	if err := r.appear(); err != nil {
		return err
	}
	err := r.runAll()
	if problem := r.disappear(); problem != nil {
		complain(r.stderr, problem) // the command has ended as it has, all the same
	}
	return err
}

// runAll starts the command until that is enough.
func (r *runner) runAll() error {
	defer func() {
		for _, c := range r.clocks() {
			c.stop()
		}
	}()
	for {
		if err := r.once(); err != nil && !r.forgive(err) {
			return err
		}
		if !r.startAgain() {
			break
		}
	}
	if status := r.status(); status != 0 {
		return &exitError{status: status}
	}
	return nil
}

// forgive takes the failure of a start for an end of the command, if it was started before.
func (r *runner) forgive(err error) bool {
	var failure *exitError
	if r.restarts == 0 || !errors.As(err, &failure) {
		return false
	}
	complain(r.stderr, err)
	r.noteEnd(control.Exit{Status: failure.status, Reason: control.ReasonExited})
	return true
}

// startAgain reports whether the command is to be started again, after the delay for that.
func (r *runner) startAgain() bool {
	if r.stopping || !r.restart.again(r.exit.Status, r.restarts) {
		return false
	}
	delay := backoff(r.inARow)
	r.noteRestart(delay)
	due := make(chan struct{})
	timer := time.AfterFunc(delay, func() { close(due) })
	defer timer.Stop()
	r.follow(due, func() bool { return r.stopping })
	return !r.stopping
}

// status returns the exit status of the run.
func (r *runner) status() int {
	if r.timedOut || r.notReady {
		return statusTimeout
	}
	return r.exit.Status
}

// once runs the command in a group of its own.
func (r *runner) once() error {
	group, err := procgroup.New(procgroup.Options{
		Containment: r.containment, Require: r.require, WithReaper: r.withReaper,
	})
	if err != nil {
		return failed(err)
	}
	r.setGroup(group)
	defer r.setGroup(nil)
	defer r.endWatch()
	r.tell("held by %s, which guarantees: %s", group.Containment(), group.Guarantees())
	if err := r.start(); err != nil {
		return errors.Join(err, failed(group.Close()))
	}
	err = r.finish()
	err = errors.Join(err, group.Close())
	r.output.drain()
	r.paused = false // who was killed is not any more
	return failed(err)
}

// endWatch ends the watch for the command's readiness, which may well come after its end.
func (r *runner) endWatch() {
	r.watch.stop()
	r.watch = nil
}

func (r *runner) setGroup(g *procgroup.Group) {
	r.groupLock.Lock()
	defer r.groupLock.Unlock()
	r.group = g
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

// start starts the command.
func (r *runner) start() error {
	again := *r.command
	r.cmd = &again
	if err := r.prepare(); err != nil {
		return err
	}
	r.terminal = openTerminal(r.group.Containment())
	r.terminal.prepare(r.cmd, r.group.Containment())
	err := r.group.Start(r.cmd)
	r.output.started()
	if err != nil {
		r.terminal.close()
		return startFailed(r.cmd, err)
	}
	r.terminal.started(r.cmd.Process.Pid)
	r.onTerminal = r.terminal != nil
	r.noteStart()
	return nil
}

// prepare sees to the output of the command, and to the watch for its readiness.
func (r *runner) prepare() (err error) {
	if r.ready.wanted() {
		if r.watch, err = r.ready.prepare(r.cmd.Dir); err != nil {
			return failed(err)
		}
	}
	c := capture{log: r.log, through: !r.daemon}
	if r.watch != nil && r.ready.output != nil {
		c.viewer = r.watch.viewer
	}
	if c.log == nil && c.viewer == nil {
		return nil
	}
	r.output, err = c.open()
	if err != nil {
		return failed(err)
	}
	r.cmd.Stdout, r.cmd.Stderr = r.output.stdout, r.output.stderr
	return nil
}

// finish follows the group to its end.
func (r *runner) finish() error {
	r.stops = make(chan syscall.Signal)
	exited := make(chan struct{})
	var waitErr error
	go func() {
		defer close(exited)
		waitErr = awaitExit(r.cmd, r.terminal != nil, r.stops)
	}()
	r.follow(exited, func() bool { return false })
	r.terminal.close()
	r.terminal, r.stops = nil, nil
	if waitErr != nil {
		return waitErr
	}
	return r.settle()
}

// follow deals with what happens until the channel is closed, or it is enough.
func (r *runner) follow(until <-chan struct{}, enough func() bool) {
	for !enough() {
		select {
		case <-until:
			return
		case sig := <-r.signals:
			r.signaled(sig)
		case sig := <-r.stops:
			r.commandStopped(sig)
		case request := <-r.requests:
			request()
		case <-r.watch.rings():
			r.becameReady()
		case <-r.readyClock.rings():
			r.notReadyInTime()
		case <-r.limitClock.rings():
			r.timeIsUp()
		case <-r.graceClock.rings():
			r.tell("still there %v after it was asked to end: killing", r.graceClock.length)
			r.kill()
		}
	}
}

// settle deals with the leftovers, and reaps the command.
func (r *runner) settle() error {
	switch {
	case r.killed:
		return r.reap()
	case r.leftovers == procgroup.WaitLeftovers || r.ending:
		// Reaped first: a leftover may be waiting for just that.
		if err := r.reap(); err != nil {
			return err
		}
		r.follow(r.group.Done(), func() bool { return r.killed })
		return nil
	case r.leftovers == procgroup.LeaveLeftovers:
		return errors.Join(r.group.Release(), r.reap())
	}
	// Reaped last: until then the command's number is nobody else's.
	return errors.Join(r.endAll("killed leftover", r.group.Close), r.reap())
}

// reap waits for the command, which has ended, unless awaitExit has done that, and notes how it
// ended. It is called once for each start.
func (r *runner) reap() (err error) {
	if r.cmd.ProcessState == nil {
		err = ignoreExit(r.cmd.Wait())
	}
	if r.cmd.ProcessState != nil {
		r.noteExit()
	}
	return err
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
	if r.verbose || r.presence.events != nil {
		members, listErr = r.group.Processes()
	}
	err := end()
	for _, p := range members {
		r.tell("%s %d (%s): %s", what, p.PID, p.Name, quoteCommand(p.Command))
	}
	r.noteLeftovers(members)
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
		r.stopping = true
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
	if r.group == nil {
		return
	}
	switch err := send(r.group, sig); {
	case err == nil || errors.Is(err, os.ErrProcessDone):
	case errors.Is(err, errors.ErrUnsupported):
		r.tell("%s", oneLine(err))
	default:
		complain(r.stderr, err)
	}
}

// timeIsUp ends the group.
func (r *runner) timeIsUp() {
	r.timedOut, r.stopping = true, true
	r.noteLimit("timeout", r.timeout)
	if r.grace == 0 {
		r.tell("time limit of %v is over: killing", r.timeout)
	} else {
		r.tell("time limit of %v is over: sending %s", r.timeout, signalName(r.signal))
	}
	r.askToEnd(r.signal, r.grace)
}

// notReadyInTime ends the group.
func (r *runner) notReadyInTime() {
	r.notReady, r.stopping = true, true
	r.noteLimit("ready-timeout", r.readyTimeout)
	complain(r.stderr, fmt.Errorf("not ready within %v: stopping", r.readyTimeout))
	r.askToEnd(r.signal, r.grace)
}

// holdClocks makes the clocks stand still, as the group does, until runClocks.
func (r *runner) holdClocks() {
	for _, c := range r.clocks() {
		c.hold()
	}
}

func (r *runner) runClocks() {
	for _, c := range r.clocks() {
		c.run()
	}
}

func (r *runner) clocks() []*stopwatch {
	return []*stopwatch{&r.limitClock, &r.readyClock, &r.graceClock}
}

// askToEnd asks the group to end, and has what is left after the grace killed.
func (r *runner) askToEnd(sig os.Signal, grace time.Duration) {
	if grace == 0 {
		r.kill()
		return
	}
	r.ending = true
	r.noteStopping()
	r.graceClock.start(grace)
	r.pass(sig)
	// Who is paused or stopped has to run to get the first.
	r.unpause()
	if wakeSignal != nil {
		r.pass(wakeSignal)
	}
}

// unpause lets the group run, if it was paused.
func (r *runner) unpause() {
	if r.group == nil || !r.group.Paused() {
		return
	}
	if err := r.group.Resume(context.Background()); err != nil {
		complain(r.stderr, err)
	}
	_ = r.notePause()
}

func (r *runner) kill() {
	if err := r.killAll(); err != nil {
		complain(r.stderr, err)
	}
}

func (r *runner) killAll() error {
	r.killed = true
	if r.group == nil {
		return nil
	}
	return r.endAll("killed", r.group.Kill)
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
	if r.group == nil || r.group.Paused() { // and stays so
		r.standStill(sig.(syscall.Signal), false)
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
	r.holdClocks()
	stopSelf(sig, wholeJob)
	if !r.paused {
		r.runClocks()
	}
}

// tell says something on standard error if that is wanted.
func (r *runner) tell(format string, args ...any) {
	if r.verbose {
		fmt.Fprintf(r.stderr, "procgroup: "+format+"\n", args...)
	}
}
