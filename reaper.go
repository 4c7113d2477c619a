//go:build linux || dragonfly || freebsd

package procgroup

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/procgroup/procgroup/internal/helper"
	"github.com/procgroup/procgroup/internal/proctable"
	"github.com/procgroup/procgroup/internal/reaper"
	"github.com/procgroup/procgroup/internal/watch"
)

// reaperClient is the owner's side of a reaper.
type reaperClient struct {
	id     proctable.ID
	conn   *helper.Conn
	said   *helper.Exchange[reaper.Report]
	likens imprint       // what the owner was like when the reaper was started
	parent uint64        // which guardian it is a child of
	before reaper.Report // what had been used when the group got it

	mu      sync.Mutex
	ordered uint64        // starts, also those that have failed
	last    reaper.Report // of when nobody was left
	notify  func()        // nil if nobody watches
	unwatch func()
	gone    bool // it was killed
	purged  bool // after that nobody is left
}

// errBothKilled says that a reaper was killed when its guardian had been killed before it, so
// that nobody has adopted the members.
var errBothKilled = fmt.Errorf("the guardian and the reaper of the group were killed: %w", ErrSurvivors)

// errReaperGone says that somebody has killed a reaper.
var errReaperGone = errors.New("the reaper of the group was killed")

// startReaper starts a reaper, which is like this process is now.
func startReaper(now imprint) (*reaperClient, error) {
	ours, theirs, err := helper.NewPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	answer, err := theGuardian.consult(askReaper, nil, int(theirs.Fd()))
	if err == nil {
		theirs.Close()
		err = ours.AwaitHello()
	}
	var entry proctable.Entry
	if err == nil {
		entry, err = proctable.Lookup(answer.PID)
	}
	if err != nil {
		ours.Close()
		return nil, fmt.Errorf("cannot start a reaper: %w", err)
	}
	r := &reaperClient{id: entry.ID, conn: ours, likens: now, parent: theGuardian.current()}
	r.said = helper.NewExchange(ours, func(report reaper.Report) uint64 { return report.ID }, r.isAlone)
	return r, nil
}

// isAlone notes that nobody is left below the reaper. It tells so, since the connection has
// no news any more for who watches it when somebody else was the first to look.
func (r *reaperClient) isAlone(report reaper.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = report
	if r.notify != nil {
		go r.notify() // it wants locks that the caller may hold
	}
}

// isGone reports whether somebody has killed the reaper.
func (r *reaperClient) isGone() bool {
	err := r.said.CatchUp()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil && !r.gone {
		r.gone = true
		go func() { _ = r.purge() }() // Kill tries again, and returns the error
	}
	return r.gone
}

// empty reports whether nobody is left below the reaper.
func (r *reaperClient) empty() bool {
	gone := r.isGone()
	r.mu.Lock()
	defer r.mu.Unlock()
	if gone {
		return r.purged
	}
	return r.last.Starts == r.ordered
}

// send sends an order, and returns the number of its report.
func (r *reaperClient) send(o reaper.Order, files ...int) (id uint64, err error) {
	o.ID = r.said.NextID()
	isStart := o.Op == reaper.Start
	r.count(isStart, 1) // before: the report that nobody is left may come at once
	err = o.Send(r.conn, files...)
	if err != nil {
		r.count(isStart, -1)
	}
	if errors.Is(err, syscall.EPIPE) {
		err = fmt.Errorf("%w: %w", errReaperGone, err)
	}
	return o.ID, err
}

// count counts a start.
func (r *reaperClient) count(isStart bool, n int) {
	if isStart {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ordered += uint64(n)
	}
}

// await waits for the report with this number.
func (r *reaperClient) await(id uint64) (reaper.Report, error) {
	report, err := r.said.Await(id)
	switch {
	case err != nil:
		return report, fmt.Errorf("%w: %w", errReaperGone, err)
	case report.Errno != 0:
		return report, report.Errno
	}
	return report, nil
}

// order sends an order and waits for the report.
func (r *reaperClient) order(op reaper.Op) error {
	id, err := r.send(reaper.Order{Op: op})
	if err == nil {
		_, err = r.await(id)
	}
	return err
}

// watch calls notify when the reaper has said something, until it is called with nil.
func (r *reaperClient) watch(notify func()) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unwatch != nil {
		r.unwatch()
		r.unwatch = nil
	}
	r.notify = notify
	if notify == nil || r.gone {
		return nil
	}
	return r.conn.FD(func(fd int) error {
		r.unwatch, err = watch.Input(fd, func() { go notify() })
		return err
	})
}

// purge has the guardian kill whom a reaper that was killed had held.
func (r *reaperClient) purge() error {
	err := errBothKilled
	if r.parent == theGuardian.current() {
		_, err = theGuardian.consult(askPurge, reaperNumber{r.id.PID}, -1)
	}
	r.mu.Lock()
	r.purged = r.purged || err == nil
	notify := r.notify
	r.mu.Unlock()
	if notify != nil {
		go notify() // it wants locks that the caller may hold
	}
	return err
}

// release lets the members live on, and the reaper end.
func (r *reaperClient) release() error {
	err := r.watch(nil)
	if err == nil {
		_, err = theGuardian.consult(askLetGo, reaperNumber{r.id.PID}, -1)
	}
	if err == nil {
		err = r.order(reaper.Release)
	}
	if err == nil {
		r.conn.Close()
	}
	return err
}

// idleReapers are kept for the next groups: to start one takes longer than to start most
// commands.
var idleReapers struct {
	sync.Mutex
	list  []*reaperClient
	timer *time.Timer
}

const (
	// reaperLinger is how long a reaper is kept for the next group.
	reaperLinger = time.Second

	// maxIdleReapers is how many are.
	maxIdleReapers = 4
)

// takeReaper returns a reaper that nobody uses and that is as this process is now.
func takeReaper(now imprint) (*reaperClient, error) {
	for {
		r := popIdleReaper()
		if r == nil {
			var err error
			if r, err = startReaper(now); err != nil {
				return nil, err
			}
		} else if !r.isFit(now) {
			r.conn.Close()
			continue
		}
		r.before = r.last // as it was given back
		return r, nil
	}
}

// isFit reports whether commands can be started with the reaper as this process is now: if
// the guardian was replaced, nobody would adopt those whom a killed reaper leaves.
func (r *reaperClient) isFit(now imprint) bool {
	return !r.isGone() && r.parent == theGuardian.current() && r.likens.equal(now)
}

func popIdleReaper() *reaperClient {
	idleReapers.Lock()
	defer idleReapers.Unlock()
	last := len(idleReapers.list) - 1
	if last < 0 {
		return nil
	}
	r := idleReapers.list[last]
	idleReapers.list = idleReapers.list[:last]
	return r
}

// giveBack keeps a reaper for the next group, if nobody is left below it.
func (r *reaperClient) giveBack() {
	_ = r.watch(nil)
	reusable := r.empty() && !r.isGone()
	idleReapers.Lock()
	defer idleReapers.Unlock()
	if !reusable || len(idleReapers.list) >= maxIdleReapers {
		r.conn.Close()
		return
	}
	idleReapers.list = append(idleReapers.list, r)
	if idleReapers.timer != nil {
		idleReapers.timer.Stop()
	}
	idleReapers.timer = time.AfterFunc(reaperLinger, endIdleReapers)
}

// endIdleReapers ends the reapers that nobody uses.
func endIdleReapers() {
	idleReapers.Lock()
	defer idleReapers.Unlock()
	for _, r := range idleReapers.list {
		r.conn.Close()
	}
	idleReapers.list = nil
	if idleReapers.timer != nil {
		idleReapers.timer.Stop()
	}
}
