//go:build linux || darwin || freebsd || netbsd || openbsd

package procgroup

import (
	"errors"
	"os"
	"slices"
	"time"

	"github.com/procgroup/procgroup/internal/proctable"
	"github.com/procgroup/procgroup/internal/watch"
)

// session is a session of a group: what makes its number an identity, and who is in it.
//
// A session's number is not given to anybody else as long as a process is in the
// session, or its leader is not reaped (credentials(7)). So if one whom we know is in
// it still, everybody in it is a member. When those whom we know are gone at the same
// time, and only others are there, it may be another session of the same number, unless
// we were told of the last one's end just now: the number cannot have come round yet.
type session struct {
	number  int
	first   time.Time // when it was started, or found
	anchors []proctable.ID
	seen    time.Time // when the anchors were last known to hold the number
	unwatch func()    // ends the watch of an anchor's exit; nil if none is watched
}

// freshness is how long after its last sure sign a session's number is still believed.
// Tens of thousands of processes would have to be started in that time to reuse it.
const freshness = 100 * time.Millisecond

// youth is the age up to which proctable.Younger is asked for a session's members.
const youth = 200 * time.Millisecond

func (s *session) isAnchor(id proctable.ID) bool { return slices.Contains(s.anchors, id) }

// isOurs reports whether the session that has the number in this table is this one.
func (s *session) isOurs(table []proctable.Entry) bool {
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
	return time.Since(s.seen) < freshness
}

// confirm records who is in the session.
func (s *session) confirm(inside []proctable.Entry) {
	s.seen = time.Now()
	s.anchors = s.anchors[:0]
	for _, e := range inside {
		s.anchors = append(s.anchors, e.ID)
	}
}

func (s *session) unguard() {
	if s.unwatch != nil {
		s.unwatch()
		s.unwatch = nil
	}
}

// refresh looks who is in the sessions, adds the sessions that members have started,
// drops those in which nobody lives, and returns the members alive. The caller holds mu.
func (b *sessionBackend) refresh() ([]proctable.Entry, error) {
	if len(b.sessions) == 0 {
		return nil, nil
	}
	table, err := b.table()
	if err != nil {
		return nil, err
	}
	inside := b.sort(table)
	var members []proctable.Entry
	var rest []*session
	for _, s := range b.sessions {
		living := slices.DeleteFunc(slices.Clone(inside[s]), func(e proctable.Entry) bool { return !e.Alive() })
		if len(living) == 0 {
			s.unguard()
			continue
		}
		s.confirm(inside[s])
		b.guard(s, living)
		members = append(members, living...)
		rest = append(rest, s)
	}
	b.sessions = rest
	return members, nil
}

// table returns the part of the process table in which the members are.
func (b *sessionBackend) table() ([]proctable.Entry, error) {
	if s := b.sessions[0]; len(b.sessions) == 1 && time.Since(s.first) < youth {
		if table, ok := proctable.Younger(s.number); ok {
			if leader, err := proctable.Lookup(s.number); err == nil {
				table = append(table, leader)
			}
			return table, nil
		}
	}
	return proctable.All()
}

// sort finds the members in a table, by session, zombies included. A child of a member
// that is in a session of its own, or of another member's making, adds that session to
// the group: nobody can be in it who is not a descendant of who made it.
func (b *sessionBackend) sort(table []proctable.Entry) map[*session][]proctable.Entry {
	byNumber := make(map[int][]proctable.Entry)
	byParent := make(map[int][]proctable.Entry)
	for _, e := range table {
		byNumber[e.Session] = append(byNumber[e.Session], e)
		byParent[e.Parent] = append(byParent[e.Parent], e)
	}
	ours := make(map[int]bool)
	for _, s := range b.sessions {
		ours[s.number] = true
	}
	inside := make(map[*session][]proctable.Entry)
	for i := 0; i < len(b.sessions); i++ { // it grows
		s := b.sessions[i]
		if !s.isOurs(table) {
			continue
		}
		inside[s] = byNumber[s.number]
		for _, member := range inside[s] {
			for _, child := range byParent[member.PID] {
				if !ours[child.Session] && isChild(child, member) {
					ours[child.Session] = true
					b.sessions = append(b.sessions, &session{
						number: child.Session, first: s.first, seen: time.Now(),
					})
				}
			}
		}
	}
	return inside
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
	for _, e := range living {
		stop, err := watch.Exit(e.PID, func() { go b.lookAgain(s, true) })
		if errors.Is(err, os.ErrProcessDone) {
			continue
		}
		if err == nil {
			s.unwatch = stop
			return
		}
		break
	}
	// They come and go too fast, or there is no descriptor to be had.
	timer := time.AfterFunc(watchRetry, func() { b.lookAgain(s, false) })
	s.unwatch = func() { timer.Stop() }
}

// lookAgain looks who is left in a session. If one who was in it has ended just now,
// the number was the session's until just now.
func (b *sessionBackend) lookAgain(s *session, justNow bool) {
	b.mu.Lock()
	s.unguard()
	if slices.Contains(b.sessions, s) {
		if justNow {
			s.seen = time.Now()
		}
		_, _ = b.refresh() // whoever needs the answer asks again, and gets the error
	}
	notify := b.notify
	b.mu.Unlock()
	if notify != nil {
		notify()
	}
}
