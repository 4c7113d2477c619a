package procgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/cgroup2"
	"github.com/procgroup/procgroup/internal/proctable"
)

var cgroupMechanism = mechanism{
	containment: Cgroup,
	guarantees:  NoEscape | AtomicPause | Accounting,
	probe:       func() error { _, err := cgroupSite(); return err },
	guarded:     true,
	withReaper:  &pairedMechanism,
	open:        newCgroupBackend,
}

// A site is where this process can make cgroups for its groups.
type site struct {
	parent   cgroup2.Dir
	features cgroup2.Features
}

var foundSite struct {
	sync.Mutex
	*site
	err error
}

// cgroupSite finds the site of this process, or says why there is none. It keeps the
// answer, unless that was only for now.
func cgroupSite() (*site, error) {
	foundSite.Lock()
	defer foundSite.Unlock()
	if foundSite.site == nil && foundSite.err == nil {
		found, err := findSite()
		if isTransient(err) {
			return nil, err
		}
		foundSite.site, foundSite.err = found, err
	}
	return foundSite.site, foundSite.err
}

// forgetSite makes the next cgroupSite look again.
func forgetSite() {
	foundSite.Lock()
	defer foundSite.Unlock()
	foundSite.site, foundSite.err = nil, nil
}

func findSite() (*site, error) {
	parent, err := cgroup2.Own()
	if err != nil {
		return nil, err
	}
	features, err := cgroup2.Probe(parent, nextCgroupName())
	if err != nil {
		return nil, fmt.Errorf("in %s: %w", parent.Path, err)
	}
	return &site{parent, features}, nil
}

// isTransient reports whether an error says only that something is scarce now.
func isTransient(err error) bool {
	for _, scarce := range []error{unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.EAGAIN, unix.EINTR, unix.ENOSPC} {
		if errors.Is(err, scarce) {
			return true
		}
	}
	return false
}

var cgroupCount atomic.Uint64

// nextCgroupName returns a name that no other cgroup of this process has or had, and none of
// another owner.
func nextCgroupName() string {
	return cgroup2.OwnerPrefix() + strconv.FormatUint(cgroupCount.Add(1), 10)
}

// cgroupBackend holds a group in a cgroup. A cgroup that was killed cannot be used
// again (see cgroup2.Dir.Kill), so after a kill the next start makes another one; the
// group's members are those of all of them.
type cgroupBackend struct {
	site *site

	mu     sync.Mutex
	cur    *cgroup   // where commands are started; nil from a kill to the next start
	spent  []*cgroup // killed, and not yet removed
	used   *Stats    // what removed ones had used; nil if there are none
	paused *cgroup   // what unpause has to thaw
	notify func()    // nil if nobody watches
	closed bool
}

var _ backend = (*cgroupBackend)(nil)

func newCgroupBackend() (backend, error) {
	s, err := cgroupSite()
	if err != nil {
		return nil, err
	}
	first, err := s.newCgroup()
	if errors.Is(err, fs.ErrNotExist) {
		// The site is gone: somebody has moved this process. Look where it is now.
		forgetSite()
		if s, err = cgroupSite(); err == nil {
			first, err = s.newCgroup()
		}
	}
	if err != nil {
		return nil, err
	}
	return &cgroupBackend{site: s, cur: first}, nil
}

func (s *site) newCgroup() (*cgroup, error) {
	for {
		c := &cgroup{dir: s.parent.Child(nextCgroupName()), canKill: s.features.Kill, fd: -1}
		err := c.entrust()
		if err == nil {
			err = c.dir.Make()
		}
		if err == nil {
			return c, nil
		}
		theGuardian.drop(c.bequest)
		if !errors.Is(err, fs.ErrExist) { // else left by a namesake in another PID namespace
			return nil, err
		}
	}
}

// enter returns the cgroup to start a process in. Until leave it is neither removed nor
// frozen for a moment: see still.
func (b *cgroupBackend) enter() (*cgroup, error) {
	for {
		c, wait, err := b.tryEnter()
		if wait == nil {
			return c, err
		}
		<-wait
	}
}

// tryEnter enters the cgroup in which commands are started now, or returns what has to be
// waited for.
func (b *cgroupBackend) tryEnter() (c *cgroup, wait <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, nil, ErrClosed
	}
	if b.cur == nil {
		b.prune()
		next, err := b.site.newCgroup()
		if err != nil {
			return nil, nil, err
		}
		if b.notify != nil {
			if err := next.watch(b.notify); err != nil {
				return nil, nil, errors.Join(err, next.dir.Remove(0))
			}
		}
		b.cur = next
	}
	// Under the lock: nobody removes it before it is entered.
	return b.cur, b.cur.beginStart(), nil
}

// leave ends what enter began. If the cgroup was killed meanwhile, it is killed again:
// a process that was cloned after the first kill lives, on kernels before 6.12.
func (b *cgroupBackend) leave(c *cgroup) error {
	if c.endStart() {
		return c.kill()
	}
	return nil
}

// prune removes the killed cgroups in which nobody is left. The caller holds mu.
func (b *cgroupBackend) prune() {
	var rest []*cgroup
	for _, c := range b.spent {
		if c.starting() || b.retire(c) != nil {
			rest = append(rest, c)
		}
	}
	b.spent = rest
}

// retire removes a cgroup and remembers what it has used. The caller holds mu.
func (b *cgroupBackend) retire(c *cgroup) error {
	used, statErr := c.stats()
	if err := c.remove(); err != nil {
		return err
	}
	if statErr == nil {
		used.Memory.V, used.Threads.V = 0, 0
		if b.used != nil {
			used.add(*b.used)
		}
		b.used = &used
	}
	return nil
}

// all returns the cgroups that hold the group.
func (b *cgroupBackend) all() []*cgroup {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.allLocked()
}

func (b *cgroupBackend) allLocked() []*cgroup {
	list := append([]*cgroup(nil), b.spent...)
	if b.cur != nil {
		list = append(list, b.cur)
	}
	return list
}

func (b *cgroupBackend) start(cmd *exec.Cmd, _ bool) (started, error) {
	c, err := b.enter()
	if err != nil {
		return started{}, err
	}
	err = c.startWith(cmd, cmd.Start)
	return started{}, errors.Join(err, b.leave(c))
}

// startWith makes start start cmd in the cgroup (clone(2), CLONE_INTO_CGROUP).
func (c *cgroup) startWith(cmd *exec.Cmd, start func() error) error {
	fd, err := c.dir.Open()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	undo, err := intoCgroup(cmd, fd)
	if err != nil {
		return err
	}
	defer undo()
	c.changed()
	return start()
}

func intoCgroup(cmd *exec.Cmd, fd int) (undo func(), err error) {
	return editAttr(cmd, func(attr *syscall.SysProcAttr) error {
		if attr.UseCgroupFD {
			return conflict("UseCgroupFD", Cgroup)
		}
		attr.UseCgroupFD, attr.CgroupFD = true, fd
		return nil
	})
}

func (b *cgroupBackend) prepare(cmd *exec.Cmd) error {
	c, err := b.enter()
	if err != nil {
		return err
	}
	defer c.endStart()
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.fd < 0 {
		if c.fd, err = c.dir.Open(); err != nil {
			return err
		}
	}
	_, err = intoCgroup(cmd, c.fd)
	c.prepare()
	return err
}

func (b *cgroupBackend) assign(pid int) (func() *os.Process, error) { return nil, b.take(pid) }

// take moves a process into the cgroup, if it is not there.
func (b *cgroupBackend) take(pid int) error {
	// What has this number now keeps it while its pidfd tells that it lives.
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return orDone(pid, err)
	}
	defer unix.Close(pidfd)
	if b.contains(pid) {
		return nil
	}
	c, err := b.enter()
	if err != nil {
		return err
	}
	c.changed()
	err = c.dir.Add(pid)
	if leaveErr := b.leave(c); err == nil {
		err = leaveErr
	}
	if err != nil {
		return orDone(pid, err)
	}
	if !b.contains(pid) {
		return orDone(pid, unix.ESRCH)
	}
	return nil
}

// contains reports whether a process is in one of the group's cgroups.
func (b *cgroupBackend) contains(pid int) bool {
	name, err := cgroup2.OfProcess(pid)
	if err != nil {
		return false
	}
	for _, c := range b.all() {
		if c.dir.Contains(name) {
			return true
		}
	}
	return false
}

// orDone makes the errors for a process that is gone recognizable.
func orDone(pid int, err error) error {
	if errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("process %d: %w", pid, os.ErrProcessDone)
	}
	return err
}

func (b *cgroupBackend) resumeProcess(int) error { return nil }

func (b *cgroupBackend) pause(ctx context.Context) error {
	b.mu.Lock()
	c := b.cur
	b.paused = c
	b.mu.Unlock()
	if c == nil {
		return nil // killed, and nothing started since
	}
	err := c.hold()
	if err == nil {
		err = c.awaitFrozen(ctx)
		if err != nil {
			err = errors.Join(err, c.letGo())
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (b *cgroupBackend) unpause() error {
	b.mu.Lock()
	c := b.paused
	b.paused = nil
	b.mu.Unlock()
	if c == nil {
		return nil
	}
	return c.letGo()
}

func (b *cgroupBackend) signal(sig os.Signal) error {
	number, err := unixSignal(sig)
	if err != nil {
		return err
	}
	reached := 0
	var errs []error
	for _, c := range b.all() {
		n, err := c.signal(number)
		reached += n
		errs = append(errs, err)
	}
	err = errors.Join(errs...)
	if reached == 0 && err == nil {
		return os.ErrProcessDone
	}
	return err
}

func (b *cgroupBackend) terminate() error {
	// A member that is stopped has to run to get the first.
	return errors.Join(b.signal(unix.SIGTERM), gone(b.signal(unix.SIGCONT)))
}

func (b *cgroupBackend) kill() error {
	b.mu.Lock()
	if b.cur != nil {
		b.cur.condemn()
		b.spent = append(b.spent, b.cur)
		b.cur = nil
	}
	condemned := b.allLocked()
	b.mu.Unlock()
	var errs []error
	for _, c := range condemned {
		errs = append(errs, c.kill())
	}
	return errors.Join(errs...)
}

func (b *cgroupBackend) empty() (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.allLocked() {
		if empty, err := c.empty(); err != nil || !empty {
			return false, err
		}
	}
	return true, nil
}

func (b *cgroupBackend) watch(notify func()) (stop func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notify = notify
	for _, c := range b.allLocked() {
		if err := c.watch(notify); err != nil {
			b.unwatchLocked()
			return nil, err
		}
	}
	return b.unwatch, nil
}

func (b *cgroupBackend) unwatch() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unwatchLocked()
}

func (b *cgroupBackend) unwatchLocked() {
	b.notify = nil
	for _, c := range b.allLocked() {
		c.unwatch()
	}
}

func (b *cgroupBackend) processes() ([]Process, error) {
	var list []Process
	for _, c := range b.all() {
		pids, _, err := c.dir.Processes()
		if err != nil {
			return nil, err
		}
		for _, pid := range pids {
			entry, err := proctable.Lookup(pid)
			if err != nil {
				continue // gone meanwhile
			}
			// Not before the entry was read: if the process with this identity is a
			// member after that, the entry was a member's.
			name, err := cgroup2.OfProcess(pid)
			if err != nil || !c.dir.Contains(name) {
				continue
			}
			if p, err := describe(entry.ID); err == nil {
				list = append(list, p)
			}
		}
	}
	return list, nil
}

func (b *cgroupBackend) stats() (Stats, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	total := b.used
	for _, c := range b.allLocked() {
		s, err := c.stats()
		if err != nil {
			return Stats{}, err
		}
		if total != nil {
			s.add(*total)
		}
		total = &s
	}
	if total == nil {
		return Stats{}, nil
	}
	return *total, nil
}

func (c *cgroup) stats() (Stats, error) {
	u, err := c.dir.Usage()
	if err != nil {
		return Stats{}, err
	}
	return Stats{
		User:       known(u.User),
		System:     known(u.System),
		ReadBytes:  knownBytes(u.ReadBytes),
		WriteBytes: knownBytes(u.WriteBytes),
		Memory:     knownBytes(u.Memory),
		MemoryPeak: knownBytes(u.MemoryPeak),
		Threads:    known(int(u.Threads)),
	}, nil
}

// removeLimit bounds the wait for processes that have died to leave their cgroup.
const removeLimit = 5 * time.Second

func (b *cgroupBackend) release() error {
	var errs []error
	for _, c := range b.all() {
		errs = append(errs, c.moveOut(b.site.parent))
	}
	return errors.Join(append(errs, b.close())...)
}

func (b *cgroupBackend) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var rest []*cgroup
	var errs []error
	for _, c := range b.allLocked() {
		if err := c.remove(); err != nil {
			rest = append(rest, c)
			errs = append(errs, err)
		}
	}
	b.cur, b.spent = nil, rest
	b.closed = len(rest) == 0
	return errors.Join(errs...)
}
