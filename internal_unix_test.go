//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import (
	"testing"
	"time"

	"github.com/procgroup/procgroup/internal/proctable"
)

// Whether a session's number still means it decides whom a signal reaches.
func TestSessionIdentity(t *testing.T) {
	const number = 4000
	entry := func(pid int, start uint64, session int) proctable.Entry {
		return proctable.Entry{ID: proctable.ID{PID: pid, Start: start}, Session: session}
	}
	leader, member := entry(number, 10, number), entry(4001, 11, number)
	long, just := time.Now().Add(-time.Hour), time.Now()
	for _, test := range []struct {
		name    string
		anchors []proctable.Entry
		seen    time.Time
		guarded bool
		table   []proctable.Entry
		want    bool
	}{
		{"leader there", []proctable.Entry{leader}, long, false, []proctable.Entry{leader, member}, true},
		{"leader gone, known member there", []proctable.Entry{leader, member}, long, false, []proctable.Entry{member, entry(4002, 12, number)}, true},
		{"all known gone long ago, others there", []proctable.Entry{leader, member}, long, false, []proctable.Entry{entry(4002, 12, number)}, false},
		{"all known gone just now, others there", []proctable.Entry{leader, member}, just, false, []proctable.Entry{entry(4002, 12, number)}, true},
		{"the end of the last known is still to be told, others there", []proctable.Entry{leader}, long, true, []proctable.Entry{entry(4002, 12, number)}, true},
		{"number given to another process", []proctable.Entry{leader}, just, false, []proctable.Entry{entry(number, 99, number)}, false},
		{"number given out, its process elsewhere", []proctable.Entry{leader}, just, false, []proctable.Entry{entry(number, 99, 1), entry(4002, 12, number)}, false},
		{"known number, other start", []proctable.Entry{leader, member}, long, false, []proctable.Entry{entry(4001, 99, number)}, false},
		{"known process has left the session", []proctable.Entry{leader, member}, long, false, []proctable.Entry{entry(4001, 11, 4001), entry(4002, 12, number)}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &session{number: number}
			s.confirm(test.anchors)
			s.seen = test.seen
			s.guarded = test.guarded
			if got := s.isOurs(test.table); got != test.want {
				t.Errorf("isOurs = %v, want %v", got, test.want)
			}
		})
	}
}
