package procgroup

import (
	"context"
	"errors"
	"os"
	"os/exec"
)

// pairedMechanism is cgroup with reaper: see Options.WithReaper.
var pairedMechanism = mechanism{
	containment: Cgroup,
	guarantees:  NoEscape | DiesWithOwner | AtomicPause | Accounting,
	probe: func() error {
		_, err := cgroupSite()
		return errors.Join(err, probeReaper())
	},
	open: newPairedBackend,
}

// pairedBackend holds a group in a cgroup, and below a reaper, which holds those as well who
// may move themselves to another cgroup, and do: the strays.
type pairedBackend struct {
	cgroup *cgroupBackend
	reaper *reaperBackend
	strays *crowd // under the reaper's lock
}

var _ backend = (*pairedBackend)(nil)

func newPairedBackend() (backend, error) {
	inner, err := newCgroupBackend()
	if err != nil {
		return nil, err
	}
	b := &pairedBackend{cgroup: inner.(*cgroupBackend), reaper: newReaperBackend()}
	b.strays = &crowd{look: b.findStrays}
	return b, nil
}

// findStrays lists the members that are not in the cgroup. The caller holds the reaper's lock.
func (b *pairedBackend) findStrays() ([]member, error) {
	members, err := b.reaper.members()
	var strays []member
	for _, m := range members {
		if !b.cgroup.contains(m.PID) {
			strays = append(strays, m)
		}
	}
	return strays, err
}

func (b *pairedBackend) prepare(cmd *exec.Cmd) error {
	attr := cmd.SysProcAttr
	if err := b.cgroup.prepare(cmd); err != nil {
		return err
	}
	err := b.reaper.prepare(cmd)
	if err != nil {
		cmd.SysProcAttr = attr
	}
	return err
}

func (b *pairedBackend) start(cmd *exec.Cmd, plain bool) (s started, err error) {
	c, err := b.cgroup.enter()
	if err != nil {
		return s, err
	}
	err = c.startWith(cmd, func() error {
		s, err = b.reaper.start(cmd, plain)
		return err
	})
	return s, errors.Join(err, b.cgroup.leave(c))
}

func (b *pairedBackend) assign(pid int) (leader func() *os.Process, err error) {
	leader, err = b.reaper.assign(pid)
	if errors.Is(err, errors.ErrUnsupported) {
		return b.cgroup.assign(pid) // not started below the reaper, so the cgroup alone holds it
	}
	return leader, err
}

func (b *pairedBackend) resumeProcess(int) error { return nil }

func (b *pairedBackend) pause(ctx context.Context) error {
	err := b.cgroup.pause(ctx)
	if err != nil {
		return err
	}
	err = b.strays.pause(ctx, &b.reaper.mu)
	if err != nil {
		err = errors.Join(err, b.cgroup.unpause())
	}
	return err
}

func (b *pairedBackend) unpause() error {
	b.reaper.mu.Lock()
	err := b.strays.unpause()
	b.reaper.mu.Unlock()
	return errors.Join(err, b.cgroup.unpause())
}

// both returns what two say who have asked members for something.
func both(inCgroup, strays error) error {
	if errors.Is(inCgroup, os.ErrProcessDone) && errors.Is(strays, os.ErrProcessDone) {
		return os.ErrProcessDone
	}
	return errors.Join(gone(inCgroup), gone(strays))
}

func (b *pairedBackend) signal(sig os.Signal) error {
	number, err := unixSignal(sig)
	if err != nil {
		return err
	}
	inCgroup := b.cgroup.signal(sig)
	b.reaper.mu.Lock()
	defer b.reaper.mu.Unlock()
	return both(inCgroup, b.strays.sweep(number))
}

func (b *pairedBackend) terminate() error {
	inCgroup := b.cgroup.terminate()
	b.reaper.mu.Lock()
	defer b.reaper.mu.Unlock()
	return both(inCgroup, b.strays.terminate())
}

func (b *pairedBackend) kill() error { return errors.Join(b.cgroup.kill(), b.reaper.kill()) }

func (b *pairedBackend) empty() (bool, error) {
	if empty, err := b.reaper.empty(); err != nil || !empty {
		return false, err
	}
	return b.cgroup.empty()
}

func (b *pairedBackend) watch(notify func()) (stop func(), err error) {
	stopReaper, err := b.reaper.watch(notify)
	if err != nil {
		return nil, err
	}
	stopCgroup, err := b.cgroup.watch(notify)
	if err != nil {
		stopReaper()
		return nil, err
	}
	return func() {
		stopReaper()
		stopCgroup()
	}, nil
}

func (b *pairedBackend) processes() ([]Process, error) {
	list, err := b.cgroup.processes()
	if err != nil {
		return nil, err
	}
	b.reaper.mu.Lock()
	strays, err := b.findStrays()
	b.reaper.mu.Unlock()
	return append(list, describeAll(strays)...), err
}

// stats tells what was used in the cgroup: what strays have used since they left is not in it.
func (b *pairedBackend) stats() (Stats, error) { return b.cgroup.stats() }

func (b *pairedBackend) release() error { return errors.Join(b.cgroup.release(), b.reaper.release()) }

func (b *pairedBackend) close() error {
	if err := b.reaper.close(); err != nil {
		return err
	}
	return b.cgroup.close()
}
