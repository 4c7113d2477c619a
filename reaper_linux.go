package procgroup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/procgroup/procgroup/internal/helper"
	"github.com/procgroup/procgroup/internal/proctable"
	"github.com/procgroup/procgroup/internal/reaper"
)

// reaperClient is the owner's side of a reaper.
type reaperClient struct {
	id     proctable.ID
	conn   *helper.Conn
	likens imprint         // what the owner was like when the reaper was started
	before proctable.Usage // what had been used when the group got it

	mu      sync.Mutex
	ordered uint64 // starts, also those that have failed
	emptyAt uint64 // how many of them there were when nobody was last left
	lastID  uint64
	replies map[uint64]chan<- reaper.Report
	notify  func() // nil if nobody watches
	gone    bool   // it has ended
	purged  bool   // after that nobody is left
}

// errReaperGone says that somebody has killed a reaper.
var errReaperGone = errors.New("the reaper of the group was killed")

// startReaper starts a reaper.
func startReaper() (*reaperClient, error) {
	r := &reaperClient{replies: make(map[uint64]chan<- reaper.Report)}
	var err error
	if r.likens, err = takeImprint(); err != nil {
		return nil, err
	}
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
	r.id, r.conn = entry.ID, ours
	idleReapers.listening.Go(r.listen)
	return r, nil
}

// listen hears what the reaper says, until it has ended.
func (r *reaperClient) listen() {
	killed := errors.Is(r.conn.Await(r.hear), io.EOF) // else we have closed it
	r.mu.Lock()
	r.gone = true
	for id, answer := range r.replies {
		close(answer)
		delete(r.replies, id)
	}
	r.mu.Unlock()
	r.conn.Close()
	if killed {
		_ = r.purge() // Kill tries again, and returns the error
	}
}

// hear takes in what the reaper has said. It returns unix.EAGAIN when that is all.
func (r *reaperClient) hear() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		message, files, err := r.conn.TryReceive()
		helper.CloseFiles(files)
		if err != nil {
			return err
		}
		var report reaper.Report
		if err := json.Unmarshal(message, &report); err != nil {
			return err
		}
		if answer, ok := r.replies[report.ID]; ok {
			delete(r.replies, report.ID)
			answer <- report
		}
		if report.ID == 0 {
			r.emptyAt = report.Starts
			if r.notify != nil {
				go r.notify() // it wants locks that the caller may hold
			}
		}
	}
}

// empty reports whether nobody is left below the reaper.
func (r *reaperClient) empty() bool {
	_ = r.hear() // what was said before anybody could know of it
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return r.purged
	}
	return r.emptyAt == r.ordered
}

// send sends an order, of which the channel gets the answer. It is closed if the reaper
// has ended.
func (r *reaperClient) send(o reaper.Order, files ...int) (<-chan reaper.Report, error) {
	answer := make(chan reaper.Report, 1)
	r.mu.Lock()
	if r.gone {
		r.mu.Unlock()
		return nil, errReaperGone
	}
	r.lastID++
	o.ID = r.lastID
	r.replies[o.ID] = answer
	if o.Op == reaper.Start {
		r.ordered++
	}
	r.mu.Unlock()
	if err := o.Send(r.conn, files...); err != nil {
		return nil, err // listen has noticed, if it was killed
	}
	return answer, nil
}

// order sends an order and waits for the answer.
func (r *reaperClient) order(op reaper.Op) error {
	answer, err := r.send(reaper.Order{Op: op})
	if err != nil {
		return err
	}
	return awaitReport(answer)
}

func awaitReport(answer <-chan reaper.Report) error {
	report, ok := <-answer
	if !ok {
		return errReaperGone
	}
	if report.Errno != 0 {
		return report.Errno
	}
	return nil
}

// isGone reports whether somebody has killed the reaper.
func (r *reaperClient) isGone() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gone
}

// purge has the guardian kill whom a reaper that was killed had held.
func (r *reaperClient) purge() error {
	_, err := theGuardian.consult(askPurge, reaperNumber{r.id.PID}, -1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.purged = true
	}
	if r.notify != nil {
		go r.notify()
	}
	return err
}

// release lets the members live on, and the reaper end.
func (r *reaperClient) release() error {
	_, err := theGuardian.consult(askLetGo, reaperNumber{r.id.PID}, -1)
	if err == nil {
		err = r.order(reaper.Release)
	}
	if err == nil {
		r.conn.Close()
	}
	return err
}

// consult asks the guardian, and the next one if somebody kills it meanwhile.
func (g *guardian) consult(op orderOp, body any, file int) (reply, error) {
	var err error
	for range consultRounds {
		var answers <-chan reply
		answers, err = g.ask(op, body, file)
		if err != nil {
			time.Sleep(guardianRetry)
			continue
		}
		answer, ok := <-answers
		if !ok {
			err = errGuardianGone
			continue
		}
		if answer.Errno != 0 {
			return answer, syscall.Errno(answer.Errno)
		}
		return answer, nil
	}
	return reply{}, err
}

// consultRounds is how often a question is put.
const consultRounds = 20

var errGuardianGone = errors.New("the guardian was killed")

// idleReapers are kept for the next groups: to start one takes longer than to start most
// commands.
var idleReapers struct {
	sync.Mutex
	list  []*reaperClient
	timer *time.Timer

	listening sync.WaitGroup // to all reapers
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
			if r, err = startReaper(); err != nil {
				return nil, err
			}
		} else if r.isGone() || !r.likens.equal(now) {
			r.conn.Close()
			continue
		}
		var err error
		r.before, err = proctable.Measure(r.id)
		if errors.Is(err, os.ErrProcessDone) {
			r.conn.Close()
			continue
		}
		return r, err
	}
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
	r.mu.Lock()
	r.notify = nil
	reusable := !r.gone && r.emptyAt == r.ordered
	r.mu.Unlock()
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
