//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import (
	"encoding/json"
	"os"
	"os/exec"
	"time"

	"github.com/procgroup/procgroup/internal/proctable"
)

// holdSession and holdPending are what the guardian is told of a group in sessions.
const (
	holdSession orderOp = "session"
	holdPending orderOp = "pending"
)

// sessionCharge is a session that the guardian has to end. The pin on its leader's group
// goes with it, where there is one.
type sessionCharge struct {
	Number int
	Known  proctable.ID // somebody in it, the leader most likely
	Seen   time.Time    // when that was sure
}

// sessionEstate is a session in the guardian: it follows it as the owner does, so that it
// knows the members when it has to end them.
type sessionEstate struct{ backend *sessionBackend }

func newSessionEstate(body json.RawMessage, file int) (estate, error) {
	var c sessionCharge
	if err := json.Unmarshal(body, &c); err != nil {
		return nil, err
	}
	e := &sessionEstate{newSessionBackend()}
	e.backend.mu.Lock()
	defer e.backend.mu.Unlock()
	s := &session{number: c.Number, first: c.Seen, seen: c.Seen, pin: adoptPin(file)}
	if c.Known != (proctable.ID{}) {
		s.anchors = []proctable.ID{c.Known}
	}
	e.backend.sessions = []*session{s}
	if s.pin != nil {
		e.backend.guardIn(s, guardDelay)
	} else {
		e.backend.guard(s, []proctable.Entry{{ID: c.Known}})
	}
	return e, nil
}

func (e *sessionEstate) forget() { _ = e.backend.release() }

func (e *sessionEstate) end() {
	for deadline := time.Now().Add(killWait); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		_ = e.backend.kill()
		if empty, err := e.backend.empty(); err == nil && empty {
			return
		}
	}
}

// pendingCharge is a command that the owner is about to start in a session of its own. Of
// that the guardian is told when there is one: if the owner dies in between, the guardian has
// to find it.
type pendingCharge struct {
	Path  []byte
	Args  [][]byte // one at least
	Since time.Time
}

type pendingEstate struct{ pendingCharge }

func newPendingEstate(body json.RawMessage, _ int) (estate, error) {
	e := new(pendingEstate)
	return e, json.Unmarshal(body, &e.pendingCharge)
}

func (e *pendingEstate) forget() {}

// end ends the command if it was started. When the owner's end of the connection is closed,
// a command that was being started has been executed, since until then it held that end
// too. It is the process that leads a session, was the owner's child as we were, was started
// when the owner was about to, and has the arguments that the owner had announced.
func (e *pendingEstate) end() {
	table, err := proctable.All()
	if err != nil {
		return
	}
	for _, entry := range table {
		if entry.PID == os.Getpid() || entry.Session != entry.PID || entry.Parent != os.Getppid() || !entry.Alive() {
			continue
		}
		d, err := proctable.Inspect(entry.ID)
		if err != nil || !e.isTimeOf(d.StartTime) || !e.matches(d.Command) {
			continue
		}
		s := sessionEstate{newSessionBackend()}
		s.backend.sessions = []*session{{number: entry.PID, anchors: []proctable.ID{entry.ID}}}
		s.end()
	}
}

// isTimeOf reports whether a process that was started at this time can be the command.
func (e *pendingEstate) isTimeOf(start time.Time) bool {
	return start.After(e.Since.Add(-clockTolerance)) && start.Before(e.Since.Add(pendingLimit+clockTolerance))
}

// pendingLimit is how long after it was announced a start is believed to happen.
const pendingLimit = time.Second

// clockTolerance is how much the start time of a process can differ from the clock: the
// time of boot, from which some systems count, is told in seconds.
const clockTolerance = 2 * time.Second

// matches reports whether a command line is that of the command: its arguments, behind
// those of an interpreter if it is a script.
func (e *pendingEstate) matches(line []string) bool {
	n := len(line) - len(e.Args)
	if n < 0 || line[n] != string(e.Args[0]) && line[n] != string(e.Path) {
		return false
	}
	for i, arg := range e.Args[1:] {
		if line[n+1+i] != string(arg) {
			return false
		}
	}
	return true
}

// holdPendingStart tells the guardian that a command is about to be started.
func holdPendingStart(cmd *exec.Cmd) (id uint64) {
	c := pendingCharge{Path: []byte(cmd.Path), Args: [][]byte{[]byte(cmd.Path)}, Since: time.Now()}
	for i, arg := range cmd.Args {
		c.Args = append(c.Args[:i], []byte(arg))
	}
	return theGuardian.hold(holdPending, c, -1)
}

// entrust tells the guardian of the session, in which somebody is known to be.
func (s *session) entrust(known proctable.ID) {
	s.charge = theGuardian.hold(holdSession, sessionCharge{s.number, known, s.seen}, s.pin.file())
}
