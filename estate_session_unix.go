//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import (
	"crypto/sha256"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/procgroup/procgroup/internal/helper"
	"github.com/procgroup/procgroup/internal/proctable"
)

const (
	// bequestPending is a command that the owner is about to start in a session of its own.
	bequestPending bequestKind = "pending"

	// bequestSession is a session, as soon as there is one.
	bequestSession bequestKind = "session"
)

// sessionBequest is a session, with some of those who were in it when it was last looked at.
// There is none of them in the beginning, when only the leader can be in it.
type sessionBequest struct {
	Number int
	Known  []proctable.ID `json:",omitempty"`
	Seen   time.Time
}

// maxKnown is how many members of a session are written down.
const maxKnown = 8

// entrust sees to it that the guardian ends the session, in the place of what it knew by
// that number. If that cannot be written down, the guardian knows less.
func (s *session) entrust(number int) {
	b := sessionBequest{s.number, s.anchors[:min(len(s.anchors), maxKnown)], s.seen}
	s.bequest = number
	if number > 0 {
		_ = theGuardian.change(number, bequestSession, b)
	} else {
		s.bequest, _ = theGuardian.hold(bequestSession, b)
	}
}

// sessionEstate is a session in the guardian.
type sessionEstate struct{ backend *sessionBackend }

func newSessionEstate(body json.RawMessage) (estate, error) {
	var b sessionBequest
	if err := json.Unmarshal(body, &b); err != nil {
		return nil, err
	}
	s := &session{number: b.Number, first: b.Seen, seen: b.Seen, anchors: b.Known}
	if len(s.anchors) == 0 {
		s.anchors = youngLeader(b)
	}
	return newEstateOf(s), nil
}

func newEstateOf(s *session) *sessionEstate {
	e := &sessionEstate{newSessionBackend()}
	e.backend.sessions = []*session{s}
	return e
}

// youngLeader returns the leader of a session that nobody had looked at yet: the process of
// that number, if it leads a session, was the owner's child as we were, and was started then.
func youngLeader(b sessionBequest) []proctable.ID {
	leader, err := proctable.Lookup(b.Number)
	if err != nil || !isOrphanLeader(leader) || !wasStartedAt(leader.ID, b.Seen) {
		return nil
	}
	return []proctable.ID{leader.ID}
}

func (e *sessionEstate) end() {
	for deadline := time.Now().Add(killWait); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		_ = e.backend.kill()
		if empty, err := e.backend.empty(); err == nil && empty {
			return
		}
	}
}

// pendingBequest is what is known of a command before it has a number.
type pendingBequest struct {
	Path, Args hash
	Since      time.Time
}

type hash [sha256.Size]byte

func hashOf(args ...string) hash { return sha256.Sum256([]byte(strings.Join(args, "\x00"))) }

// holdPendingStart tells the guardian that a command is about to be started.
func holdPendingStart(cmd *exec.Cmd) (number int, err error) {
	args := cmd.Args
	if len(args) == 0 {
		args = []string{cmd.Path}
	}
	return theGuardian.hold(bequestPending, pendingBequest{
		Path: hashOf(filepath.Base(args[0])), Args: hashOf(args[1:]...), Since: time.Now(),
	})
}

type pendingEstate struct{ pendingBequest }

func newPendingEstate(body json.RawMessage) (estate, error) {
	e := new(pendingEstate)
	return e, json.Unmarshal(body, &e.pendingBequest)
}

// end ends the command if it was started. When the owner's end of the connection is closed,
// a command that was being started has been executed, since until then it held that end
// too. It is the process that leads a session, was the owner's child as we were, was started
// when the owner was about to, and has the arguments that were written down.
func (e *pendingEstate) end() {
	table, err := proctable.All()
	if err != nil {
		return
	}
	for _, entry := range table {
		if isOrphanLeader(entry) && wasStartedAt(entry.ID, e.Since) && e.matches(entry.ID) {
			newEstateOf(&session{number: entry.PID, anchors: []proctable.ID{entry.ID}}).end()
		}
	}
}

// matches reports whether a process has the arguments of the command: behind those of an
// interpreter, if it is a script.
func (e *pendingEstate) matches(id proctable.ID) bool {
	d, err := proctable.Inspect(id)
	if err != nil {
		return false
	}
	for i, arg := range d.Command {
		if hashOf(filepath.Base(arg)) == e.Path && hashOf(d.Command[i+1:]...) == e.Args {
			return true
		}
	}
	return false
}

// isOrphanLeader reports whether a process leads a session and was a child of the owner, as
// we were: it is one still, as long as that is dying, and has the parent that we have then.
func isOrphanLeader(e proctable.Entry) bool {
	owner, _ := helper.Owner()
	return e.PID != os.Getpid() && e.Session == e.PID && e.Alive() &&
		(e.Parent == owner || e.Parent == os.Getppid())
}

// wasStartedAt reports whether a process can be one that was about to be started then.
func wasStartedAt(id proctable.ID, then time.Time) bool {
	d, err := proctable.Inspect(id)
	return err == nil &&
		d.StartTime.After(then.Add(-clockTolerance)) && d.StartTime.Before(then.Add(pendingLimit+clockTolerance))
}

const (
	// pendingLimit is how long after it was written down a start is believed to happen.
	pendingLimit = time.Second

	// clockTolerance is how much the start time of a process can differ from the clock: the
	// time of boot, from which some systems count, is told in seconds.
	clockTolerance = 2 * time.Second
)
