package procgroup

import (
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/helper"
	"github.com/procgroup/procgroup/internal/reaper"
)

// helperRoles are what a helper of this program can be.
var helperRoles = map[helper.Role]func(*helper.Conn){
	helper.Guardian: serveGuardian,
	helper.Reaper:   reaper.Serve,
	helper.Mirror:   reaper.ServeMirror,
}

// What a guardian is asked on Linux.
const (
	askReaper orderOp = "reaper" // start a reaper, with the descriptor as its connection
	askMirror orderOp = "mirror" // make a mirror, with the descriptor as its connection
	askPurge  orderOp = "purge"  // kill who is left of a reaper that was killed
	askLetGo  orderOp = "let go" // a reaper is about to release its members
)

// reaperNumber tells which reaper a question is about.
type reaperNumber struct{ PID int }

// guardianSystem is what a guardian does on Linux only: it is the parent of the reapers, and
// adopts the members of one that was killed.
type guardianSystem struct {
	mu      sync.Mutex
	reapers map[int]bool // by number, not yet reaped; true if its members are to live on
	ended   *sync.Cond   // told when one of them was reaped
}

func (s *guardianSystem) begin(*guardianHelper) {
	s.reapers = make(map[int]bool)
	s.ended = sync.NewCond(&s.mu)
	_ = reaper.Acquire() // since Linux 3.4
	children := make(chan os.Signal, 1)
	signal.Notify(children, unix.SIGCHLD)
	go func() {
		for range children {
			s.mu.Lock()
			s.reap()
			s.mu.Unlock()
		}
	}()
}

func (s *guardianSystem) obey(h *guardianHelper, o order, file int) {
	var about reaperNumber
	_ = json.Unmarshal(o.Body, &about)
	switch o.Op {
	case askReaper:
		h.answer(s.startReaper(o.ID, file))
		return // the descriptor is closed
	case askMirror:
		r := reply{ID: o.ID}
		var err error
		r.PID, err = reaper.CloneMirror(file)
		r.Errno = errnoOf(err)
		h.answer(r)
	case askPurge:
		go func() {
			s.purge(about.PID)
			h.answer(reply{ID: o.ID})
		}()
	case askLetGo:
		s.letGo(about.PID)
		h.answer(reply{ID: o.ID})
	}
	if file >= 0 {
		unix.Close(file)
	}
}

// errnoOf returns the number under an error, so that it can be told to another process.
func errnoOf(err error) int {
	if err == nil {
		return 0
	}
	errno := syscall.EIO
	errors.As(err, &errno)
	return int(errno)
}

func (s *guardianSystem) startReaper(id uint64, file int) reply {
	s.mu.Lock() // or what is new would be taken for an orphan
	defer s.mu.Unlock()
	owner, program := helper.Owner()
	process, err := helper.Start(helper.Reaper, os.NewFile(uintptr(file), "reaper"), owner, program)
	if err != nil {
		return reply{ID: id, Errno: errnoOf(err)}
	}
	defer func() { _ = process.Release() }() // reap waits for it
	s.reapers[process.Pid] = false
	return reply{ID: id, PID: process.Pid}
}

// reap waits for all children that have ended, and kills the orphans of reapers that were
// killed. The caller holds mu.
func (s *guardianSystem) reap() {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG|unix.WALL, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			break
		}
		if released, ok := s.reapers[pid]; ok {
			delete(s.reapers, pid)
			if released {
				s.adoptAgain()
			}
			s.ended.Broadcast()
		}
	}
	s.killOrphans()
}

// killOrphans kills the children that are not reapers, and tells whether there were any.
// Nobody else reaps, so their numbers are their own. The caller holds mu.
func (s *guardianSystem) killOrphans() (found bool) {
	for _, pid := range reaper.Children() {
		if _, ok := s.reapers[pid]; !ok {
			found = true
			reaper.KillChild(pid)
		}
	}
	return found
}

// purge returns when nobody is left whom a reaper that has ended had held.
func (s *guardianSystem) purge(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if _, alive := s.reapers[pid]; !alive {
			break
		}
		s.ended.Wait()
	}
	// A list of children that is read while some of them end may miss one.
	for clean := 0; clean < purgeRounds; clean++ {
		if s.killOrphans() {
			clean = -1
		}
		s.mu.Unlock()
		time.Sleep(time.Millisecond)
		s.mu.Lock()
		s.reap()
	}
}

// purgeRounds is how many times in a row nobody may be found.
const purgeRounds = 3

// letGo notes that the members of a reaper are to live on when it ends. As long as it is
// there this process adopts nobody, so that they are not taken for orphans.
func (s *guardianSystem) letGo(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.reapers[pid]; ok {
		s.reapers[pid] = true
		_ = reaper.Relinquish()
	}
}

// adoptAgain undoes letGo when no reaper is left for which that was called. The caller holds
// mu.
func (s *guardianSystem) adoptAgain() {
	for _, released := range s.reapers {
		if released {
			return
		}
	}
	_ = reaper.Acquire()
}

// reaperLimit bounds the time that reapers have to end by themselves, which they do as the
// guardian does: by the end of file of their owner.
const reaperLimit = 5 * time.Second

// end returns when no reaper is left, but for those that were let go, and nobody of those
// whom they had held.
func (s *guardianSystem) end() {
	deadline := time.Now().Add(reaperLimit)
	limit := deadline.Add(killWait)
	for ; time.Now().Before(limit); time.Sleep(time.Millisecond) {
		s.mu.Lock()
		s.reap()
		left := s.killOrphans()
		for pid, released := range s.reapers {
			if released {
				continue
			}
			left = true
			if time.Now().After(deadline) {
				_ = unix.Kill(pid, unix.SIGKILL) // not reaped, so the number is its own
			}
		}
		s.mu.Unlock()
		if !left {
			return
		}
	}
}
