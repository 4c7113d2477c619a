//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import (
	"errors"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/proctable"
	"github.com/procgroup/procgroup/internal/watch"
)

// session is a session of a group: what makes its number an identity, and who is in it.
//
// A session's number is not given to anybody else as long as a process is in the
// session, or in the process group that its leader began it with (credentials(7)), or the
// leader is not reaped. So if one whom we know is in it still, everybody in it is a
// member. When those whom we know are gone at the same time, and only others are there,
// it may be another session of the same number, unless we had a sure sign of it just now:
// the number cannot have come round yet.
type session struct {
	number  int
	first   time.Time      // when it was started, or found
	pin     *pin           // on the leader's process group; nil if there is none
	anchors []proctable.ID // who was in it when it was last looked at
	seen    time.Time      // when there was last a sure sign of it
	unwatch func()         // ends the guard, or the wait for one; nil if there is neither
	bequest int            // what the guardian knows it by
	guarded bool           // the exit of one who was in it will be told, and was not yet
}

const (
	// freshness is how long after its last sure sign a session's number is believed.
	// Tens of thousands of processes would have to be started in that time to reuse it.
	freshness = 100 * time.Millisecond

	// guardDelay is when a new session that is pinned gets a guard: soon enough, and not
	// at all for the many that are over by then.
	guardDelay = freshness / 2

	// youth is the age up to which proctable.Younger is asked for a session's members.
	youth = 200 * time.Millisecond
)

func newSession(leader *os.Process) *session {
	now := time.Now()
	return &session{number: leader.Pid, first: now, seen: now, pin: newPin(leader)}
}

func (s *session) isAnchor(id proctable.ID) bool { return slices.Contains(s.anchors, id) }

// isOurs reports whether the session that has the number in this table is this one.
func (s *session) isOurs(table []proctable.Entry) bool {
	if s.pin != nil && s.pin.holds() {
		return true
	}
	taken := false
	for _, e := range table {
		if e.Session == s.number && s.isAnchor(e.ID) {
			return true
		}
		taken = taken || e.PID == s.number
	}
	if taken && len(s.anchors) > 0 {
		return false // by a process that was not in it: the number has been given out again
	}
	// If the exit of whom we watch is still to be told, then it was just now.
	return s.guarded || time.Since(s.seen) < freshness
}

// leaderLives reports whether the leader is known to be alive, for little.
func (s *session) leaderLives() bool {
	if s.pin != nil {
		return !s.pin.exited()
	}
	leader, err := proctable.Lookup(s.number)
	return err == nil && leader.Alive() && s.isAnchor(leader.ID)
}

// confirm records who is in the session.
func (s *session) confirm(inside []proctable.Entry) {
	s.seen = time.Now()
	before := s.anchors
	s.anchors = make([]proctable.ID, 0, len(inside))
	for _, e := range inside {
		s.anchors = append(s.anchors, e.ID)
	}
	if s.bequest > 0 && !slices.Equal(before, s.anchors) {
		s.entrust(s.bequest)
	}
}

// signalGroup sends a signal to the process group that the leader has begun the session
// with. It cannot be another's: its number is the session's (credentials(7)).
func (s *session) signalGroup(sig unix.Signal) error {
	if s.pin != nil {
		return s.pin.signal(sig)
	}
	return unix.Kill(-s.number, sig)
}

func (s *session) unguard() {
	if s.unwatch != nil {
		s.unwatch()
		s.unwatch = nil
		s.guarded = false
	}
}

// free gives back what the session holds.
func (s *session) free() {
	theGuardian.drop(s.bequest)
	s.unguard()
	if s.pin != nil {
		s.pin.close()
	}
}

// refresh looks who is in the sessions, adds the sessions that members have started,
// drops those in which nobody lives, and returns the members alive. The caller holds mu.
func (b *sessionBackend) refresh() ([]member, error) {
	if len(b.sessions) == 0 {
		return nil, nil
	}
	table, err := b.table()
	if err != nil {
		return nil, err
	}
	inside := b.sort(table)
	var members []member
	var rest []*session
	for _, s := range b.sessions {
		living := slices.DeleteFunc(slices.Clone(inside[s]), func(e proctable.Entry) bool { return !e.Alive() })
		if len(living) == 0 {
			s.free()
			continue
		}
		s.confirm(inside[s])
		b.guard(s, living)
		for _, e := range living {
			members = append(members, member{e, s})
		}
		rest = append(rest, s)
	}
	b.sessions = rest
	if len(rest) == 0 && b.notify != nil {
		go b.notify() // it wants locks that the caller may hold
	}
	return members, nil
}

// table returns the part of the process table in which the members are.
func (b *sessionBackend) table() ([]proctable.Entry, error) {
	if s := b.sessions[0]; len(b.sessions) == 1 && time.Since(s.first) < youth {
		if table, ok := proctable.Younger(s.number); ok {
			if s.pin != nil && s.pin.exited() {
				return table, nil // what is left of the leader says nothing
			}
			if leader, err := proctable.Lookup(s.number); err == nil {
				table = append(table, leader)
			}
			return table, nil
		}
	}
	return proctable.All()
}

// sort finds the members in a table, by session, zombies included. It adds to the group
// the sessions that members have begun: those in which a known member is now, and those
// in which a member's child is. Nobody can be in them who is not a descendant of who began
// them (setsid(2)).
func (b *sessionBackend) sort(table []proctable.Entry) map[*session][]proctable.Entry {
	byNumber := make(map[int][]proctable.Entry)
	byParent := make(map[int][]proctable.Entry)
	for _, e := range table {
		byNumber[e.Session] = append(byNumber[e.Session], e)
		byParent[e.Parent] = append(byParent[e.Parent], e)
	}
	b.followLeavers(table)
	inside := make(map[*session][]proctable.Entry)
	for i := 0; i < len(b.sessions); i++ { // it grows
		s := b.sessions[i]
		if !s.isOurs(table) {
			continue
		}
		inside[s] = byNumber[s.number]
		for _, parent := range inside[s] {
			for _, child := range byParent[parent.PID] {
				if !b.has(child.Session) && isChild(child, parent) {
					b.follow(child, s)
				}
			}
		}
	}
	return inside
}

// followLeavers adds the sessions in which those are whom we knew in one of ours.
func (b *sessionBackend) followLeavers(table []proctable.Entry) {
	known := make(map[proctable.ID]*session)
	for _, s := range b.sessions {
		for _, id := range s.anchors {
			known[id] = s
		}
	}
	for _, e := range table {
		if s := known[e.ID]; s != nil && e.Alive() && !b.has(e.Session) {
			b.follow(e, s)
		}
	}
}

func (b *sessionBackend) has(number int) bool {
	return slices.ContainsFunc(b.sessions, func(s *session) bool { return s.number == number })
}

// follow adds the session of a member who has come from another one.
func (b *sessionBackend) follow(e proctable.Entry, from *session) {
	if isNew(e.Session) {
		s := &session{number: e.Session, first: from.first, seen: time.Now(), anchors: []proctable.ID{e.ID}}
		s.entrust(0)
		b.sessions = append(b.sessions, s)
	}
}

// isNew reports whether a session can be one that a member has made. Some systems tell 0
// where they cannot tell, and to kill(2) 0 and 1 mean others.
func isNew(number int) bool {
	own, err := unix.Getsid(0)
	return number > 1 && err == nil && number != own
}

// isChild makes sure that the two are what they were in a table that took its time to
// read: if the parent is there still, its number meant it all the while.
func isChild(child, parent proctable.Entry) bool {
	c, err := proctable.Lookup(child.PID)
	if err != nil || c.ID != child.ID || c.Session != child.Session {
		return false
	}
	p, err := proctable.Lookup(parent.PID)
	return err == nil && p.ID == parent.ID && p.Alive()
}

// guard sees to it that somebody looks at the session when one of those who live in it
// ends: before their number means nobody, or another. The caller holds mu.
func (b *sessionBackend) guard(s *session, living []proctable.Entry) {
	if s.unwatch != nil || b.closed {
		return
	}
	for _, e := range slices.Backward(living) { // the youngest is not often the first to end
		stop, err := watch.Exit(e.PID, func() { go b.lookAgain(s, true) })
		if errors.Is(err, os.ErrProcessDone) {
			continue
		}
		if err == nil {
			s.unwatch, s.guarded = stop, true
			return
		}
		break
	}
	// They come and go too fast, or there is no descriptor to be had.
	b.guardIn(s, watchRetry)
}

// guardIn has the session looked at, and guarded, after a while.
func (b *sessionBackend) guardIn(s *session, delay time.Duration) {
	timer := time.AfterFunc(delay, func() { b.lookAgain(s, false) })
	s.unwatch = func() { timer.Stop() }
}

// guardAnchor guards the session by one whom we know, if one of them lives, and so is in
// it still. To know that, the table need not be read. The caller holds mu.
func (b *sessionBackend) guardAnchor(s *session) bool {
	for _, id := range slices.Backward(s.anchors) {
		e, err := proctable.Lookup(id.PID)
		if err == nil && e.ID == id && e.Alive() && e.Session == s.number {
			b.guard(s, []proctable.Entry{e})
			return true
		}
	}
	return false
}

// lookAgain finds out whether one who is known lives in a session, and if not, who does.
// If one who was in it has ended just now, that is a sure sign of it.
func (b *sessionBackend) lookAgain(s *session, justNow bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.unguard()
	if !slices.Contains(b.sessions, s) || b.guardAnchor(s) {
		return
	}
	if justNow {
		s.seen = time.Now()
	}
	_, _ = b.refresh() // whoever needs the answer asks again, and gets the error
}
