//go:build linux || dragonfly || freebsd

package reaper

import (
	"encoding/json"
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/helper"
)

// server is a reaper.
type server struct {
	conn *helper.Conn
	over chan struct{} // closed when the owner has closed the connection
	null [2]int        // /dev/null for reading and for writing

	starting sync.Mutex // held by a start: the directory and the umask are the process's

	mu       sync.Mutex
	commands map[int]*command        // by number, not yet reaped
	early    map[int]unix.WaitStatus // of children that ended while one was being started
	under    int                     // starts under way, or what else the next group must not meet
	starts   uint64                  // that are over
	changed  *sync.Cond              // told when a start is over, or a command
	told     uint64                  // at how many starts the owner was told that nobody is left
	killing  bool
	released bool
}

// survivorLimit bounds the time that a reaper without an owner tries to kill members.
const survivorLimit = 10 * time.Second

// Serve is the main function of a reaper.
func Serve(conn *helper.Conn) {
	s := &server{conn: conn, over: make(chan struct{}), commands: make(map[int]*command), early: make(map[int]unix.WaitStatus)}
	s.changed = sync.NewCond(&s.mu)
	if err := errors.Join(Acquire(), s.openNull()); err != nil {
		return // the owner sees that there is nobody
	}
	go s.reapAll()
	go s.serve()
	<-s.over
	s.end()
}

// serve does what the owner says, until there is none any more. A command is started where
// the order came in, since that is fastest; the start may hang, so another goroutine takes
// over.
func (s *server) serve() {
	for {
		message, files, err := s.conn.Receive()
		if err != nil {
			close(s.over)
			return
		}
		switch o, err := parseOrder(message); {
		case err != nil:
			helper.CloseFiles(files)
		case o.Op == Start:
			s.mu.Lock()
			s.under++
			s.mu.Unlock()
			go s.serve()
			s.start(o, files)
			return
		default:
			s.obey(o)
			helper.CloseFiles(files)
		}
	}
}

func (s *server) openNull() (err error) {
	for i, mode := range []int{unix.O_RDONLY, unix.O_WRONLY} {
		s.null[i], err = unix.Open(os.DevNull, mode|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
	}
	return nil
}

// obey does what the owner says, if it is not to start a command.
func (s *server) obey(o Order) {
	r := Report{ID: o.ID}
	switch o.Op {
	case Kill:
		s.mu.Lock()
		already := s.killing
		s.killing = true
		s.mu.Unlock()
		s.killOnce()
		s.reap() // mostly that was all
		if !already {
			go s.killAll()
		}
	case IsUnreaped:
		s.mu.Lock()
		if s.commands[o.PID] == nil {
			r.Errno = unix.ESRCH
		}
		s.mu.Unlock()
	case Usage:
		r.addUsage()
	case Release:
		s.mu.Lock()
		s.released = true
		s.mu.Unlock()
	default:
		r.Errno = unix.EINVAL
	}
	s.report(r)
}

// CountsIO says that reports tell of bytes read and written.
const CountsIO = blockSize > 0

// addUsage fills in what was used.
func (r *Report) addUsage() {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_CHILDREN, &u) != nil {
		return
	}
	r.User, r.System = time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano())
	r.Read, r.Write = int64(u.Inblock)*blockSize, int64(u.Oublock)*blockSize //nolint:unconvert // 32 bits have others
}

// report tells the owner. If there is none any more, nobody needs to know.
func (s *server) report(r Report) {
	if text, err := json.Marshal(r); err == nil {
		_ = s.conn.Send(text)
	}
}

// reapAll reaps whoever ends.
func (s *server) reapAll() {
	seen := uint64(0)
	for {
		if errors.Is(AwaitExit(0), unix.ECHILD) {
			s.mu.Lock()
			for s.starts == seen {
				s.changed.Wait()
			}
			seen = s.starts
			s.mu.Unlock()
		}
		s.reap()
	}
}

// reap waits for all who have ended, and tells the owner if nobody is left.
func (s *server) reap() {
	s.mu.Lock()
	ended := make(map[*command]unix.WaitStatus)
	var alone bool
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG|WaitAll, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		alone = errors.Is(err, unix.ECHILD)
		if err != nil || pid == 0 {
			break
		}
		if c, ok := s.commands[pid]; ok {
			delete(s.commands, pid)
			ended[c] = status
			s.changed.Broadcast()
		} else if s.under > 0 {
			s.early[pid] = status
		}
	}
	s.tellIfAlone(alone)
	s.mu.Unlock()
	for c, status := range ended {
		c.end(status)
	}
}

// tellIfAlone ends a killing and tells the owner, if nobody is left, before any mirror tells
// who waits for the last command. What is started from then on is no concern of the killing.
// The caller holds mu.
func (s *server) tellIfAlone(alone bool) {
	if !alone || s.under > 0 {
		return
	}
	s.killing = false
	if s.told < s.starts {
		s.told = s.starts
		r := Report{Starts: s.starts}
		r.addUsage()
		s.report(r)
	}
}

// end ends a reaper whose owner is dead, or does not need it any more.
func (s *server) end() {
	s.mu.Lock()
	released := s.released
	s.killing = true
	s.mu.Unlock()
	if released {
		s.awaitCommands()
		return
	}
	done := make(chan struct{})
	go func() {
		s.killAll()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(survivorLimit):
	}
}

// awaitCommands returns when no command is left for which somebody may be waiting.
func (s *server) awaitCommands() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.commands) > 0 || s.under > 0 {
		s.changed.Wait()
	}
}
