package cli

import (
	"time"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
	"github.com/procgroup/procgroup/internal/events"
)

// What happens to a run is noted here: for those who ask, and as events.

// noteStart notes that the command runs.
func (r *runner) noteStart() {
	if r.watch != nil {
		r.watch.begin()
	}
	if r.limitClock.timer == nil && r.timeout > 0 {
		r.limitClock.start(r.timeout)
	}
	if r.readyClock.timer == nil && r.watch != nil && r.readyTimeout > 0 {
		r.readyClock.start(r.readyTimeout)
	}
	leader := r.leader()
	r.presence.update(func(i *control.Info) {
		i.State, i.Leader, i.Started, i.NextStart = control.Running, leader, time.Now(), time.Time{}
		i.Containment, i.Guarantees = r.group.Containment(), r.group.Guarantees()
		i.Ready.V = false
	})
	r.presence.tell(events.Event{
		Event: events.Started, PID: leader, Command: r.command.Args, Containment: r.group.Containment(),
	})
	if !r.ready.wanted() {
		r.parent.tell(note{Ready: true})
	}
}

// leader returns the number of the command, which is not that of cmd.Process with a reaper.
func (r *runner) leader() int {
	if leader := r.group.Leader(); leader != nil {
		return leader.Pid
	}
	return r.cmd.Process.Pid // it was gone before it could be held
}

// becameReady notes that the command is ready.
func (r *runner) becameReady() {
	r.endWatch()
	r.readyClock.stop()
	r.presence.update(func(i *control.Info) { i.Ready.V = true })
	r.presence.tell(events.Event{Event: events.Ready, PID: r.leader()})
	r.tell("ready")
	r.parent.tell(note{Ready: true})
}

// notePause notes whether the group is paused, if that has changed. The clocks stand still
// while it is.
func (r *runner) notePause() error {
	paused := r.group != nil && r.group.Paused()
	if paused == r.paused {
		return nil
	}
	r.paused = paused
	event, state := events.Resumed, control.Running
	if paused {
		r.holdClocks()
		event, state = events.Paused, control.Paused
	} else {
		r.runClocks()
		if r.ending {
			state = control.Stopping
		}
	}
	r.presence.update(func(i *control.Info) { i.State = state })
	r.presence.tell(events.Event{Event: event})
	return nil
}

// noteStopping notes that the group was asked to end.
func (r *runner) noteStopping() {
	r.presence.update(func(i *control.Info) { i.State = control.Stopping })
}

// noteLimit notes that a limit was reached.
func (r *runner) noteLimit(reason control.Reason, limit time.Duration) {
	r.presence.tell(events.Event{Event: events.Limit, Reason: reason, Message: limit.String()})
}

// noteLeftovers notes who was killed.
func (r *runner) noteLeftovers(members []procgroup.Process) {
	if len(members) == 0 {
		return
	}
	pids := make([]int, len(members))
	for i, m := range members {
		pids[i] = m.PID
	}
	r.presence.tell(events.Event{Event: events.Leftover, PIDs: pids})
}

// noteExit notes how the command has ended.
func (r *runner) noteExit() {
	state := r.cmd.ProcessState
	exit := control.Exit{Status: commandStatus(state), Signal: endSignal(state)}
	exit.Reason = r.reason(exit.Signal)
	if r.onTerminal && (exit.Signal == "INT" || exit.Signal == "QUIT") {
		r.stopping = true // by a key: the terminal sends it to the command alone
	}
	r.noteEnd(exit)
}

// reason returns why the command has ended.
func (r *runner) reason(signal string) control.Reason {
	switch {
	case r.timedOut:
		return control.ReasonTimeout
	case r.notReady:
		return control.ReasonNotReady
	case r.killed:
		return control.ReasonKilled
	case r.stopping:
		return control.ReasonStopped
	case signal != "":
		return control.ReasonSignaled
	}
	return control.ReasonExited
}

// noteEnd notes an end of the command, or that it could not be started again.
func (r *runner) noteEnd(exit control.Exit) {
	r.exit = &exit
	info, _ := r.presence.get()
	r.inARow++
	switch {
	case time.Since(info.Started) >= steadyAfter:
		r.inARow, r.failures = 0, 0
	case exit.Status != 0:
		r.failures++
	default:
		r.failures = 0
	}
	r.presence.update(func(i *control.Info) {
		i.Exit, i.Failures, i.Leader = &exit, r.failures, 0
	})
	r.presence.tell(events.Event{
		Event: events.Exited, PID: info.Leader, Status: &exit.Status, Signal: exit.Signal, Reason: exit.Reason,
	})
}

// noteRestart notes that the command will be started again.
func (r *runner) noteRestart(delay time.Duration) {
	r.restarts++
	r.presence.update(func(i *control.Info) {
		i.State, i.Restarts, i.NextStart, i.Ready.V = control.Restarting, r.restarts, time.Now().Add(delay), false
	})
	r.presence.tell(events.Event{Event: events.Restarted, Restarts: r.restarts, Delay: delay})
	r.tell("ended with status %d: starting it again in %v", r.exit.Status, delay.Round(time.Millisecond))
}
