package procgroup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/cgroup2"
	"github.com/procgroup/procgroup/internal/watch"
)

// cgroup is one cgroup of a group: how its members are frozen, signaled, killed and
// watched.
type cgroup struct {
	dir     cgroup2.Dir
	canKill bool // with cgroup.kill
	bequest int  // what the guardian knows it by

	// This belongs to the backend, and is under its lock.
	fd int // for prepared commands; -1 if there are none

	mu         sync.Mutex
	starts     int           // starts under way in it
	settled    chan struct{} // closed when starts gets 0; nil if nobody waits for that
	gate       chan struct{} // closed when starts may begin again; nil if they may
	prepared   bool          // there may be starts that we do not know of
	killed     bool          // nothing may be started in it any more
	holds      int           // how many want it frozen
	lastChange time.Time     // when cgroup.events may last have changed
	watched    *cgroupWatch
}

// beginStart lets a start begin, or returns what it has to wait for.
func (c *cgroup) beginStart() (wait <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gate != nil {
		return c.gate
	}
	c.starts++
	return nil
}

// endStart ends what beginStart began, and tells whether the cgroup was killed meanwhile.
func (c *cgroup) endStart() (killed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.starts--
	if c.starts == 0 && c.settled != nil {
		close(c.settled)
		c.settled = nil
	}
	return c.killed
}

// starting reports whether a start is under way.
func (c *cgroup) starting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.starts > 0
}

// prepare remembers that somebody starts processes in the cgroup by himself.
func (c *cgroup) prepare() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.prepared = true
	c.lastChange = time.Now()
}

// condemn remembers that the cgroup is being killed.
func (c *cgroup) condemn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.killed = true
}

// shutGate keeps starts from beginning until open is called, and tells whether those
// that were under way have ended, within freezeLimit.
func (c *cgroup) shutGate() (open func(), settled bool) {
	c.mu.Lock()
	for c.gate != nil { // another one has shut it
		gate := c.gate
		c.mu.Unlock()
		<-gate
		c.mu.Lock()
	}
	gate := make(chan struct{})
	c.gate = gate
	open = func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.gate = nil
		close(gate)
	}
	settled = !c.prepared
	if c.starts == 0 {
		c.mu.Unlock()
		return open, settled
	}
	if c.settled == nil {
		c.settled = make(chan struct{})
	}
	last := c.settled
	c.mu.Unlock()
	select {
	case <-last:
		return open, settled
	case <-time.After(freezeLimit):
		return open, false
	}
}

// empty reports whether no process is in the cgroup or below it.
func (c *cgroup) empty() (bool, error) {
	events, err := c.dir.Events()
	if isNotExist(err) {
		return true, nil
	}
	return err == nil && !events.Populated, err
}

// isNotExist reports whether an error says that a cgroup is not there any more.
func isNotExist(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV)
}

// remove removes the cgroup and frees what it holds, if no process is in it.
func (c *cgroup) remove() error {
	// Mostly there is none, and to try is to know.
	err := c.dir.Remove(0)
	if errors.Is(err, unix.EBUSY) {
		empty, emptyErr := c.empty()
		if emptyErr == nil && !empty {
			return errOccupied
		}
		err = c.dir.Remove(removeLimit) // the last ones are on their way out
	}
	if err != nil {
		return err
	}
	c.unwatch()
	if c.fd >= 0 {
		unix.Close(c.fd)
		c.fd = -1
	}
	theGuardian.drop(c.bequest)
	return nil
}

// hold wants the cgroup frozen, until letGo. A pause and a signal may want it at the
// same time; it thaws when nobody wants it any more.
func (c *cgroup) hold() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holds == 0 {
		c.lastChange = time.Now()
		if err := c.dir.Freeze(true); err != nil {
			return err
		}
	}
	c.holds++
	return nil
}

func (c *cgroup) letGo() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holds--
	if c.holds > 0 {
		return nil
	}
	c.lastChange = time.Now()
	err := c.dir.Freeze(false)
	if isNotExist(err) {
		return nil
	}
	return err
}

// awaitFrozen waits until the kernel says that no member runs.
//
// It wakes by the notice of cgroup.events, and also by itself: the kernel holds a
// notice back for up to 10 ms when there was another shortly before
// (CGROUP_FILE_NOTIFY_MIN_INTV in kernel/cgroup/cgroup.c).
func (c *cgroup) awaitFrozen(ctx context.Context) error {
	path := filepath.Join(c.dir.Path, "cgroup.events")
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var buf [256]byte
	for pause := 200 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		n, err := unix.Pread(fd, buf[:], 0)
		if err != nil {
			return &fs.PathError{Op: "read", Path: path, Err: err}
		}
		events, err := cgroup2.ParseEvents(buf[:n])
		if err != nil || events.Frozen {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		timeout := unix.NsecToTimespec(pause.Nanoseconds())
		_, err = unix.Ppoll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}, &timeout, nil)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("ppoll", err)
		}
	}
}

// freezeLimit bounds the wait for a freeze that only makes a list stand still. A
// thousand processes need some milliseconds; one that is stuck in the kernel may need
// for ever, but it forks nobody meanwhile.
const freezeLimit = 250 * time.Millisecond

// still runs f while the members cannot fork, exit or move, so far as they can be
// frozen within freezeLimit.
//
// It must not happen beside a start: a process that is cloned into a frozen cgroup blocks
// the thread that clones it, which the Go runtime waits for before the next garbage
// collection, and then nobody is left to thaw. While there is a start that does not end,
// f runs without.
func (c *cgroup) still(f func() error) error {
	open, settled := c.shutGate()
	defer open()
	if !settled {
		return f()
	}
	if err := c.hold(); err != nil {
		if isNotExist(err) {
			return nil
		}
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), freezeLimit)
	_ = c.awaitFrozen(ctx)
	cancel()
	return errors.Join(f(), c.letGo())
}

// kill kills every member.
func (c *cgroup) kill() error {
	if c.canKill {
		err := c.dir.Kill()
		if isNotExist(err) {
			return nil
		}
		return err
	}
	// Frozen members still die, and do not fork.
	s := cgroup2.Sweep{Signal: unix.SIGKILL}
	err := c.still(func() error { return s.Run(c.dir, true) })
	return errors.Join(append(s.Errs, err)...)
}

// signal sends sig to every member, and tells how many there were.
func (c *cgroup) signal(sig syscall.Signal) (reached int, err error) {
	s := cgroup2.Sweep{Signal: sig}
	err = s.Run(c.dir, false)
	if errors.Is(err, cgroup2.ErrRestless) {
		err = c.still(func() error { return s.Run(c.dir, true) })
	}
	return len(s.Reached), errors.Join(append(s.Errs, err)...)
}

// moveOut moves every member to another cgroup.
func (c *cgroup) moveOut(to cgroup2.Dir) error {
	return c.still(func() error {
		for range cgroup2.SweepRounds {
			pids, _, err := c.dir.Processes()
			if err != nil || len(pids) == 0 {
				return err
			}
			for _, pid := range pids {
				if err := to.Add(pid); err != nil && !errors.Is(err, unix.ESRCH) {
					return err
				}
			}
		}
		return cgroup2.ErrRestless
	})
}

// cgroupWatch is what a watched cgroup needs.
type cgroupWatch struct {
	notify   func()
	events   int    // descriptor of cgroup.events
	stop     func() // of the watch of events
	sentinel func() // stops the watch of the sentinel; nil if there is none
}

// noticeGap is how long after a change of cgroup.events the kernel may hold back the
// notice of the next one: 10 ms (CGROUP_FILE_NOTIFY_MIN_INTV), and some for us.
const noticeGap = 12 * time.Millisecond

// changed remembers that cgroup.events may be changing now.
func (c *cgroup) changed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastChange = time.Now()
}

// watch calls notify when the cgroup may have become empty.
func (c *cgroup) watch(notify func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watched != nil {
		return nil
	}
	path := filepath.Join(c.dir.Path, "cgroup.events")
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if isNotExist(err) {
		return nil // empty for ever
	}
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	w := &cgroupWatch{notify: notify, events: fd}
	c.watched = w
	c.populated() // what has happened before is no news
	w.stop, err = watch.File(fd, func() {
		c.changed()
		c.look()
	})
	if err != nil {
		c.watched = nil
		unix.Close(fd)
		return err
	}
	c.placeSentinel()
	return nil
}

func (c *cgroup) unwatch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.watched
	if w == nil {
		return
	}
	c.watched = nil
	w.stop()
	if w.sentinel != nil {
		w.sentinel()
	}
	unix.Close(w.events)
}

// look finds out whether the cgroup has become empty, and says so.
func (c *cgroup) look() {
	c.mu.Lock()
	w := c.watched
	populated := w != nil && c.populated()
	if populated {
		c.placeSentinel()
	}
	c.mu.Unlock()
	if w != nil && !populated {
		w.notify()
	}
}

// populated reads the watched cgroup.events, which the kernel also takes for the sign
// that its notice was seen. The caller holds mu.
func (c *cgroup) populated() bool {
	var buf [256]byte
	n, err := unix.Pread(c.watched.events, buf[:], 0)
	if err != nil {
		return false // removed, or as good as
	}
	events, err := cgroup2.ParseEvents(buf[:n])
	return err != nil || events.Populated
}

// placeSentinel watches the exit of one of the members while the kernel may hold back
// the notice of cgroup.events, so that the last exit is told at once then too: look
// appoints the next one. The caller holds mu.
//
// A sentinel whose number was given to somebody else is no harm: the kernel's notice
// comes all the same, some milliseconds late.
func (c *cgroup) placeSentinel() {
	for range 3 { // whom we choose may be gone before we watch
		if c.watched.sentinel != nil || time.Since(c.lastChange) > noticeGap {
			return
		}
		pid := c.dir.Sample()
		if pid == 0 {
			return
		}
		stop, err := watch.Exit(pid, c.sentinelGone)
		if err == nil {
			c.watched.sentinel = stop
		} else if !errors.Is(err, os.ErrProcessDone) {
			return
		}
	}
}

func (c *cgroup) sentinelGone() {
	c.mu.Lock()
	if c.watched != nil && c.watched.sentinel != nil {
		c.watched.sentinel()
		c.watched.sentinel = nil
	}
	c.mu.Unlock()
	c.look()
}
