package watch

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// The watcher is an epoll descriptor that is itself watched by the Go runtime's
// poller: its goroutine sleeps without holding a thread.
//
// Everything is watched edge triggered, so a descriptor that stays ready does not
// keep the goroutine busy.
var watcher struct {
	sync.Mutex
	epoll   *os.File          // nil while nothing is watched
	watches map[uint64]func() // by key, which is never given out twice
	lastKey uint64
}

// File calls notify whenever the kernel file that fd refers to has news (POLLPRI):
// cgroup.events, for example (cgroups(7)). The caller keeps fd open until it has
// called stop.
//
// stop may be called at any time, also from notify, and more than once. It does not
// wait for a notify that is running.
func File(fd int, notify func()) (stop func(), err error) {
	key, err := add(fd, unix.EPOLLPRI|unix.EPOLLET, notify)
	if err != nil {
		return nil, err
	}
	return func() { remove(key, fd) }, nil
}

// Input calls notify whenever something has come to fd, or its other end was closed. The
// rest is as with File.
func Input(fd int, notify func()) (stop func(), err error) {
	key, err := add(fd, unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLET, notify)
	if err != nil {
		return nil, err
	}
	return func() { remove(key, fd) }, nil
}

// Exit calls notify once when the process ends, also if somebody else has to reap
// it. The error for a process that is gone wraps os.ErrProcessDone. For stop see
// File.
func Exit(pid int, notify func()) (stop func(), err error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil, fmt.Errorf("process %d: %w", pid, os.ErrProcessDone)
	}
	if err != nil {
		return nil, os.NewSyscallError("pidfd_open", err)
	}
	key, err := add(fd, unix.EPOLLIN|unix.EPOLLONESHOT, notify)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return sync.OnceFunc(func() {
		remove(key, fd)
		unix.Close(fd)
	}), nil
}

func add(fd int, events uint32, notify func()) (key uint64, err error) {
	watcher.Lock()
	defer watcher.Unlock()
	if watcher.epoll == nil {
		if err := start(); err != nil {
			return 0, err
		}
	}
	watcher.lastKey++
	key = watcher.lastKey
	event := unix.EpollEvent{Events: events, Fd: int32(key), Pad: int32(key >> 32)}
	if err := control(unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		stopIfIdle()
		return 0, os.NewSyscallError("epoll_ctl", err)
	}
	watcher.watches[key] = notify
	return key, nil
}

func remove(key uint64, fd int) {
	watcher.Lock()
	defer watcher.Unlock()
	if _, ok := watcher.watches[key]; !ok {
		return
	}
	delete(watcher.watches, key)
	// An error leaves a watch with a key that nobody has: harmless.
	_ = control(unix.EPOLL_CTL_DEL, fd, nil)
	stopIfIdle()
}

// start makes the epoll descriptor and its goroutine. The caller holds the lock.
func start() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	// os.NewFile gives it to the runtime's poller only if it does not block.
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return os.NewSyscallError("fcntl", err)
	}
	watcher.epoll = os.NewFile(uintptr(fd), "epoll")
	watcher.watches = map[uint64]func(){}
	go run(watcher.epoll)
	return nil
}

// stopIfIdle ends the goroutine when nothing is watched. The caller holds the lock.
func stopIfIdle() {
	if len(watcher.watches) == 0 {
		watcher.epoll.Close()
		watcher.epoll = nil
		watcher.watches = nil
	}
}

func control(op, fd int, event *unix.EpollEvent) error {
	conn, err := watcher.epoll.SyscallConn()
	if err != nil {
		return err
	}
	var ctlErr error
	err = conn.Control(func(epoll uintptr) { ctlErr = unix.EpollCtl(int(epoll), op, fd, event) })
	return errors.Join(err, ctlErr)
}

// run calls the notify functions until the epoll descriptor is closed.
func run(epoll *os.File) {
	conn, err := epoll.SyscallConn()
	if err != nil {
		return
	}
	events := make([]unix.EpollEvent, 128)
	for {
		n := 0
		err := conn.Read(func(fd uintptr) bool {
			var err error
			n, err = unix.EpollWait(int(fd), events, 0)
			return n > 0 || err != nil && !errors.Is(err, syscall.EINTR)
		})
		if err != nil || n < 0 {
			return // closed
		}
		for _, event := range events[:n] {
			watcher.Lock()
			notify := watcher.watches[uint64(uint32(event.Fd))|uint64(uint32(event.Pad))<<32]
			watcher.Unlock()
			if notify != nil {
				notify()
			}
		}
	}
}
