//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package watch

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Unlike on Linux the goroutine holds a thread as long as anything is watched: it
// waits in kevent(2).
var watcher struct {
	sync.Mutex
	queue   *queue // nil while nothing is watched
	lastKey uint64
}

// queue is a kqueue and who waits for its events. The lock of watcher guards the maps.
type queue struct {
	fd      int
	watches map[uint64]func() // by key, which is never given out twice
	keys    map[int][]uint64  // of the watches, by process
	inputs  map[int]uint64    // the keys of the other watches, by descriptor

	// A pipe ends the goroutine when the writing side is closed. EVFILT_USER would do
	// it without, but is not in all releases of OpenBSD.
	end, ends *os.File // reading and writing side
	endFD     int
}

// Exit calls notify once when the process ends, also if somebody else has to reap
// it. The process may not be a zombie yet then, but it runs no program any more. The
// error for a process that is gone wraps os.ErrProcessDone; where the kernel does not
// tell the two apart (macOS, NetBSD, OpenBSD) a zombie counts as gone.
//
// stop may be called at any time, also from notify, and more than once. It does not
// wait for a notify that is running.
func Exit(pid int, notify func()) (stop func(), err error) {
	watcher.Lock()
	defer watcher.Unlock()
	q, err := running()
	if err != nil {
		return nil, err
	}
	// Adding what is there already changes nothing: a kqueue knows a process once.
	err = q.change(pid, unix.EVFILT_PROC, unix.EV_ADD|unix.EV_ONESHOT, unix.NOTE_EXIT)
	if err != nil {
		q.endIfIdle()
		if errors.Is(err, unix.ESRCH) {
			err = fmt.Errorf("process %d: %w", pid, os.ErrProcessDone)
		}
		return nil, err
	}
	key := q.add(notify)
	q.keys[pid] = append(q.keys[pid], key)
	return func() { q.remove(key, pid) }, nil
}

// Input calls notify whenever something has come to fd, or its other end was closed. There is
// one watch for a descriptor at a time, and the caller keeps fd open until it has called stop.
// The rest is as with Exit.
func Input(fd int, notify func()) (stop func(), err error) {
	watcher.Lock()
	defer watcher.Unlock()
	q, err := running()
	if err != nil {
		return nil, err
	}
	if _, ok := q.inputs[fd]; ok {
		return nil, os.NewSyscallError("kevent", unix.EEXIST)
	}
	// EV_CLEAR: what stays ready is told once.
	if err := q.change(fd, unix.EVFILT_READ, unix.EV_ADD|unix.EV_CLEAR, 0); err != nil {
		q.endIfIdle()
		return nil, err
	}
	key := q.add(notify)
	q.inputs[fd] = key
	return func() { q.removeInput(key, fd) }, nil
}

// running returns the kqueue, of which the goroutine runs. The caller holds the lock.
func running() (*queue, error) {
	if watcher.queue == nil {
		if err := start(); err != nil {
			return nil, err
		}
	}
	return watcher.queue, nil
}

// add makes a watch. The caller holds the lock.
func (q *queue) add(notify func()) (key uint64) {
	watcher.lastKey++
	q.watches[watcher.lastKey] = notify
	return watcher.lastKey
}

// start makes the kqueue and its goroutine. The caller holds the lock.
func start() error {
	end, ends, err := os.Pipe()
	if err != nil {
		return err
	}
	q := &queue{
		watches: map[uint64]func(){},
		keys:    map[int][]uint64{},
		inputs:  map[int]uint64{},
		end:     end,
		ends:    ends,
		endFD:   int(end.Fd()),
	}
	// A child made by fork does not inherit it (kqueue(2)); that leaves exec.
	if q.fd, err = unix.Kqueue(); err != nil {
		end.Close()
		ends.Close()
		return os.NewSyscallError("kqueue", err)
	}
	unix.CloseOnExec(q.fd)
	if err := q.change(q.endFD, unix.EVFILT_READ, unix.EV_ADD, 0); err != nil {
		ends.Close()
		q.close()
		return err
	}
	watcher.queue = q
	go q.run()
	return nil
}

// remove takes a watch back.
func (q *queue) remove(key uint64, pid int) {
	watcher.Lock()
	defer watcher.Unlock()
	if _, ok := q.watches[key]; !ok {
		return
	}
	delete(q.watches, key)
	// Without keys the process has ended, and the others are being told.
	if keys := q.keys[pid]; len(keys) > 1 {
		q.keys[pid] = slices.DeleteFunc(keys, func(k uint64) bool { return k == key })
	} else if len(keys) == 1 {
		delete(q.keys, pid)
		// An error says that the process has just ended: nobody will be told.
		_ = q.change(pid, unix.EVFILT_PROC, unix.EV_DELETE, 0)
	}
	q.endIfIdle()
}

// removeInput takes a watch of a descriptor back.
func (q *queue) removeInput(key uint64, fd int) {
	watcher.Lock()
	defer watcher.Unlock()
	if _, ok := q.watches[key]; !ok {
		return
	}
	delete(q.watches, key)
	delete(q.inputs, fd)
	_ = q.change(fd, unix.EVFILT_READ, unix.EV_DELETE, 0)
	q.endIfIdle()
}

// endIfIdle ends the goroutine when nothing is watched. The caller holds the lock.
func (q *queue) endIfIdle() {
	if watcher.queue == q && len(q.watches) == 0 {
		watcher.queue = nil
		q.ends.Close()
	}
}

// change adds or deletes a watch. It does not wait.
func (q *queue) change(ident, filter, flags int, notes uint32) error {
	changes := make([]unix.Kevent_t, 1)
	unix.SetKevent(&changes[0], ident, filter, flags)
	changes[0].Fflags = notes
	for {
		_, err := unix.Kevent(q.fd, changes, nil, nil)
		if errors.Is(err, unix.EINTR) {
			continue // a change that was made is made again
		}
		return os.NewSyscallError("kevent", err)
	}
}

// close is for the goroutine, which alone knows when the kqueue is not in use.
func (q *queue) close() {
	unix.Close(q.fd)
	q.end.Close()
}

// run calls the notify functions until the pipe is closed.
func (q *queue) run() {
	defer q.close()
	events := make([]unix.Kevent_t, 128)
	for {
		n, err := unix.Kevent(q.fd, nil, events, nil)
		if err != nil && !errors.Is(err, unix.EINTR) {
			// The kernel is out of memory: nothing else can fail here.
			time.Sleep(retryAfter)
		}
		for _, event := range events[:max(n, 0)] {
			switch number := int(event.Ident); {
			case event.Filter == unix.EVFILT_PROC:
				q.exited(number)
			case number == q.endFD:
				return
			default:
				q.came(number)
			}
		}
	}
}

// retryAfter is the time between attempts to wait for events when that fails.
const retryAfter = 20 * time.Millisecond

// exited tells everybody who watches the process.
func (q *queue) exited(pid int) {
	watcher.Lock()
	keys := q.keys[pid]
	delete(q.keys, pid)
	watcher.Unlock()
	for _, key := range keys {
		watcher.Lock()
		notify := q.watches[key] // nil if it was stopped meanwhile
		delete(q.watches, key)
		watcher.Unlock()
		if notify != nil {
			notify()
		}
	}
	watcher.Lock()
	q.endIfIdle()
	watcher.Unlock()
}

// came tells who watches the descriptor.
func (q *queue) came(fd int) {
	watcher.Lock()
	notify := q.watches[q.inputs[fd]] // nil if it was stopped meanwhile
	watcher.Unlock()
	if notify != nil {
		notify()
	}
}
