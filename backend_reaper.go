//go:build linux || dragonfly || freebsd

package procgroup

import (
	"errors"
	"slices"
	"time"

	"github.com/procgroup/procgroup/internal/proctable"
	"github.com/procgroup/procgroup/internal/reaper"
)

var reaperMechanism = mechanism{
	containment: Reaper,
	guarantees:  reaperGuarantees,
	probe:       probeReaper,
	open:        func() (backend, error) { return newReaperBackend(), nil },
}

// probeReaper tries whether a reaper can be had, and can do its work.
func probeReaper() error {
	err := theGuardian.hire()
	defer theGuardian.dismiss()
	if err != nil {
		return err
	}
	return probeChildren()
}

// reaperBackend holds a group below a helper that is the parent of all who lose theirs. A
// reaper that was told to kill ends what is started by it until nobody is left, so after a
// kill the next start takes another one; the group's members are those of all of them.
type reaperBackend struct {
	lockedCrowd
	cur      *reaperClient   // where commands are started; nil from a kill to the next start
	earlier  []*reaperClient // that may still have members
	used     *Stats          // what members of others had used; nil if there are none
	prepared []*preparedStart
	mirrors  map[int]bool // the numbers of those that were assigned
	notify   func()       // nil if nobody watches
	closed   bool
}

var _ backend = (*reaperBackend)(nil)

func newReaperBackend() *reaperBackend {
	b := &reaperBackend{mirrors: make(map[int]bool)}
	b.crowd.look = b.members
	return b
}

// enter returns the reaper to start a command with.
func (b *reaperBackend) enter(now imprint) (*reaperClient, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, ErrClosed
	}
	if b.cur != nil && b.cur.isFit(now) {
		return b.cur, nil
	}
	b.retire()
	b.prune()
	next, err := takeReaper(now)
	if err != nil {
		return nil, err
	}
	b.cur = next
	return next, next.watch(b.notify)
}

// retire starts nothing more with the current reaper. The caller holds mu.
func (b *reaperBackend) retire() {
	if b.cur != nil {
		b.earlier = append(b.earlier, b.cur)
		b.cur = nil
	}
}

// prune gives back the reapers that have no members any more. The caller holds mu.
func (b *reaperBackend) prune() {
	b.earlier = slices.DeleteFunc(b.earlier, func(r *reaperClient) bool {
		if !r.empty() {
			return false
		}
		b.account(r)
		r.giveBack()
		return true
	})
}

// account remembers what the members of a reaper have used. The caller holds mu.
func (b *reaperBackend) account(r *reaperClient) {
	used := r.used(r.last)
	if b.used != nil {
		used.add(*b.used)
	}
	b.used = &used
}

// used returns what those have used whom the reaper had waited for when it told.
func (r *reaperClient) used(told reaper.Report) Stats {
	return Stats{
		User:       known(told.User - r.before.User),
		System:     known(told.System - r.before.System),
		ReadBytes:  ioBytes(told.Read - r.before.Read),
		WriteBytes: ioBytes(told.Write - r.before.Write),
		Memory:     knownBytes(0),
		Processes:  known(0),
		Threads:    known(0),
	}
}

// ioBytes is knownBytes for what a reaper has told, where it tells.
func ioBytes(n int64) Optional[uint64] {
	if !reaper.CountsIO {
		return Optional[uint64]{}
	}
	return knownBytes(n)
}

// usedNow is used of this moment. If the reaper was killed, nobody knows.
func (r *reaperClient) usedNow() Stats {
	id, err := r.send(reaper.Order{Op: reaper.Usage})
	told := r.before
	if err == nil {
		if report, err := r.await(id); err == nil {
			told = report
		}
	}
	return r.used(told)
}

// all returns the reapers that hold the group. The caller holds mu.
func (b *reaperBackend) all() []*reaperClient {
	list := slices.Clone(b.earlier)
	if b.cur != nil {
		list = append(list, b.cur)
	}
	return list
}

// members lists the processes below the reapers: they all descend from them, since who has
// lost its parent becomes the reaper's child. The caller holds mu.
func (b *reaperBackend) members() ([]member, error) {
	return b.below(func(e proctable.Entry) bool { return e.Alive() })
}

// below lists the processes below the reapers that are wanted. The caller holds mu.
func (b *reaperBackend) below(wanted func(proctable.Entry) bool) ([]member, error) {
	b.prune()
	reapers := b.all()
	if len(reapers) == 0 || b.emptyLocked() {
		return nil, nil
	}
	table, err := proctable.All()
	if err != nil {
		return nil, err
	}
	children := make(map[int][]proctable.Entry)
	for _, e := range withParents(table) {
		children[e.Parent] = append(children[e.Parent], e)
	}
	var members []member
	for _, r := range reapers {
		if root, err := proctable.Lookup(r.id.PID); err != nil || root.ID != r.id {
			continue // it was killed: see purge
		}
		queue := children[r.id.PID]
		for len(queue) > 0 {
			e := queue[0]
			queue = append(queue[1:], children[e.PID]...)
			if wanted(e) {
				members = append(members, member{Entry: e})
			}
		}
	}
	return members, nil
}

// withParents returns a table in which each process has a parent that is there. While it was
// read some have lost theirs, and got another one, and some parents were missed, since a
// process has a number some time before it can be seen.
func withParents(table []proctable.Entry) []proctable.Entry {
	there := make(map[int]bool, len(table))
	for _, e := range table {
		there[e.PID] = true
	}
	for i := 0; i < len(table); i++ { // it grows
		for parent := table[i].Parent; parent > 0 && !there[parent]; parent = table[i].Parent {
			if missed, err := proctable.Lookup(parent); err == nil {
				there[parent] = true
				table = append(table, missed)
				continue
			}
			now, err := proctable.Lookup(table[i].PID)
			if err != nil {
				break // it is gone, too
			}
			table[i] = now
		}
	}
	return table
}

func (b *reaperBackend) resumeProcess(int) error { return nil }

func (b *reaperBackend) kill() error {
	// Under the lock: a reaper that is given back meanwhile may be another group's.
	b.mu.Lock()
	defer b.mu.Unlock()
	b.retire()
	var errs []error
	for _, r := range b.earlier {
		err := r.order(reaper.Kill)
		if err != nil && r.isGone() {
			err = r.purge()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (b *reaperBackend) empty() (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.emptyLocked(), nil
}

func (b *reaperBackend) emptyLocked() bool {
	for _, r := range b.all() {
		if !r.empty() {
			return false
		}
	}
	return true
}

func (b *reaperBackend) watch(notify func()) (stop func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		_ = b.setNotify(nil)
	}, b.setNotify(notify)
}

func (b *reaperBackend) setNotify(notify func()) error {
	b.notify = notify
	var errs []error
	for _, r := range b.all() {
		errs = append(errs, r.watch(notify))
	}
	return errors.Join(errs...)
}

func (b *reaperBackend) processes() ([]Process, error) {
	b.mu.Lock()
	members, err := b.members()
	b.mu.Unlock()
	return describeAll(members), err
}

func (b *reaperBackend) stats() (Stats, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	members, err := b.below(func(proctable.Entry) bool { return true })
	if err != nil {
		return Stats{}, err
	}
	total := Stats{
		User: known[time.Duration](0), System: known[time.Duration](0),
		ReadBytes: knownBytes(0), WriteBytes: knownBytes(0), Memory: knownBytes(0),
		Processes: known(0), Threads: known(0),
	}
	if b.used != nil {
		total = *b.used
	}
	for _, r := range b.all() {
		total.add(r.usedNow())
	}
	err = total.addMembers(members, reaperGuarantees.Has(Accounting))
	return total, err
}

func (b *reaperBackend) release() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for _, r := range b.all() {
		if r.empty() {
			r.giveBack()
		} else {
			errs = append(errs, r.release())
		}
	}
	b.freeLocked()
	return errors.Join(errs...)
}

func (b *reaperBackend) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.emptyLocked() {
		return errOccupied
	}
	for _, r := range b.all() {
		r.giveBack()
	}
	b.freeLocked()
	return nil
}

func (b *reaperBackend) freeLocked() {
	b.closed = true
	b.cur, b.earlier = nil, nil
	for _, p := range b.prepared {
		p.free()
	}
	b.prepared = nil
}
