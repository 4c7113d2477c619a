package procgroup

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/windows"

	"github.com/procgroup/procgroup/internal/jobobject"
	"github.com/procgroup/procgroup/internal/proctable"
	"github.com/procgroup/procgroup/internal/winthread"
)

// halt is a pause of a group, at work or done. Where the system can it freezes the jobs, else
// the threads of the members are suspended one after the other, each once. In either case it is
// not the call that counts but what is seen afterwards: that everything stands still.
type halt struct {
	frozen  []*job
	threads map[threadID]*haltedThread
	members map[proctable.ID]bool // who was seen to be one
	calm    int                   // looks in a row that have found nothing that moves
}

type threadID struct {
	number uint32
	start  uint64
}

type haltedThread struct {
	*winthread.Thread
	stands bool          // seen to
	asked  chan struct{} // closed when Stand has said err; nil if it was not asked
	since  time.Time     // when it was
	err    error
}

// freezeRounds is how often a frozen group is looked at before suspending is tried instead.
const freezeRounds = 20

// calmLooks is how many looks in a row have to find that nothing moves: a thread that is read
// first may have made another before it stood still.
const calmLooks = 2

func (b *jobBackend) pause(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := &halt{threads: make(map[threadID]*haltedThread), members: make(map[proctable.ID]bool)}
	b.halted = h
	h.freeze(b.all())
	pause := 200 * time.Microsecond
	for round := 0; h.calm < calmLooks; round++ {
		if round == freezeRounds {
			h.thaw()
		}
		if err := b.look(h); err != nil {
			return errors.Join(err, b.unpauseLocked())
		}
		if h.calm > 0 {
			continue
		}
		b.mu.Unlock() // a kill must not wait for a pause
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		pause = min(2*pause, 10*time.Millisecond)
		b.mu.Lock()
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), b.unpauseLocked())
		}
	}
	return nil
}

// freeze freezes the jobs, if all of them can be, and it can be seen whether that helps.
func (h *halt) freeze(jobs []*job) {
	if !proctable.TellsThreads() {
		return
	}
	for _, j := range jobs {
		if j.Freeze(true) != nil {
			h.thaw()
			return
		}
		h.frozen = append(h.frozen, j)
	}
}

func (h *halt) thaw() {
	for _, j := range h.frozen {
		if !j.closed {
			_ = j.Freeze(false)
		}
	}
	h.frozen = nil
}

// look looks once at every thread of every member, and suspends those that it has not met
// before, unless the group is frozen. The caller holds mu.
func (b *jobBackend) look(h *halt) error {
	table, err := proctable.Look()
	if err != nil {
		return err
	}
	// After the table was read: who is not in the table has come since, and moves.
	pids, err := b.members()
	if err != nil {
		return err
	}
	moving := 0
	for _, pid := range pids {
		entry, ok := table.Entry(pid)
		if !ok || !b.wasMember(h, entry.ID) {
			moving++
			continue
		}
		for _, thread := range table.Threads(pid) {
			if !h.stop(thread) {
				moving++
			}
		}
	}
	if moving > 0 {
		h.calm = 0
	} else {
		h.calm++
	}
	return nil
}

// wasMember reports whether the process that the table tells of is a member: its number alone
// may be another's by now. The caller holds mu.
func (b *jobBackend) wasMember(h *halt, id proctable.ID) bool {
	if h.members[id] {
		return true
	}
	process, err := jobobject.Open(id.PID)
	if err != nil {
		return false
	}
	defer windows.CloseHandle(process)
	var start, exit, kernel, user windows.Filetime
	if windows.GetProcessTimes(process, &start, &exit, &kernel, &user) != nil ||
		uint64(start.HighDateTime)<<32|uint64(start.LowDateTime) != id.Start {
		return false
	}
	h.members[id] = b.isMember(process)
	return h.members[id]
}

// stop sees to it that a thread stops, and reports whether it has.
func (h *halt) stop(t proctable.Thread) (stands bool) {
	if len(h.frozen) > 0 {
		return t.State == proctable.Stopped || t.State == proctable.Zombie
	}
	id := threadID{t.ID, t.Start}
	halted, ok := h.threads[id]
	if !ok {
		h.suspend(id)
		return false // it takes a while
	}
	if halted.stands {
		return true
	}
	if proctable.TellsThreads() {
		halted.stands = t.State == proctable.Stopped || t.State == proctable.Zombie
	} else {
		halted.stands = halted.answers()
	}
	return halted.stands
}

// answerLimit is how long a thread is waited for that does not answer. Under Wine, where alone
// threads are asked, one that is just being made or is ending never does; it cannot run, either,
// without noticing that it is suspended. Those that run answer at once.
const answerLimit = 100 * time.Millisecond

// answers reports whether the thread has stopped, by asking it. It does not block.
func (t *haltedThread) answers() bool {
	if t.asked == nil {
		asked := make(chan struct{})
		t.asked, t.since = asked, time.Now()
		go func() {
			t.err = t.Stand()
			close(asked)
		}()
	}
	select {
	case <-t.asked:
		t.asked = nil
		return t.err == nil
	default:
		return time.Since(t.since) > answerLimit
	}
}

// letGo resumes the thread.
func (t *haltedThread) letGo() error {
	err := t.Resume()
	if t.asked == nil {
		t.Close()
		return err
	}
	go func() {
		<-t.asked // the handle is in use until then
		t.Close()
	}()
	return err
}

// suspend suspends a thread. One that cannot be is met again at the next look.
func (h *halt) suspend(id threadID) {
	thread, err := winthread.Open(id.number, id.start)
	if err != nil {
		return
	}
	if thread.Suspend() != nil {
		thread.Close()
		return
	}
	h.threads[id] = &haltedThread{Thread: thread}
}

func (b *jobBackend) unpause() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.unpauseLocked()
}

// unpauseLocked lets run what pause has stopped. The caller holds mu.
func (b *jobBackend) unpauseLocked() error {
	h := b.halted
	if h == nil {
		return nil
	}
	b.halted = nil
	var errs []error
	for _, j := range h.frozen {
		if !j.closed {
			errs = append(errs, j.Freeze(false))
		}
	}
	for _, thread := range h.threads {
		errs = append(errs, thread.letGo())
	}
	if b.breakDue {
		b.breakDue = false
		b.sendBreak()
	}
	return errors.Join(errs...)
}
