//go:build linux || dragonfly || freebsd

package procgroup

import (
	"encoding/json"
	"errors"
	"os"
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

// What a guardian is asked where there are reapers.
const (
	askReaper questionOp = "reaper" // start a reaper, with the descriptor as its connection
	askMirror questionOp = "mirror" // make a mirror, with the descriptor as its connection
	askPurge  questionOp = "purge"  // kill who is left of a reaper that was killed
	askLetGo  questionOp = "let go" // a reaper is about to release its members
)

// reaperNumber tells which reaper a question is about.
type reaperNumber struct{ PID int }

// guardianSystem is what a guardian does where there are reapers: it is the parent of the reapers, and
// adopts the members of one that was killed.
type guardianSystem struct {
	mu      sync.Mutex
	reapers map[int]bool // by number, not yet reaped; true if its members are to live on
	changed *sync.Cond   // told when one was started, or reaped
}

func (s *guardianSystem) begin() {
	s.reapers = make(map[int]bool)
	s.changed = sync.NewCond(&s.mu)
	_ = reaper.Acquire()
	_ = reaper.ForbidDumps()
	go s.reapAll()
}

// obey answers a question. The descriptors are not its to close.
func (s *guardianSystem) obey(h *guardianHelper, q question, files []int) {
	var about reaperNumber
	_ = json.Unmarshal(q.Body, &about)
	r := reply{ID: q.ID}
	var err error
	switch {
	case q.Op == askReaper && len(files) == 1:
		r.PID, err = s.startReaper(files[0])
	case q.Op == askMirror && len(files) == 1:
		r.PID, err = reaper.CloneMirror(files[0])
	case q.Op == askLetGo:
		s.letGo(about.PID)
	case q.Op == askPurge:
		go func() {
			s.purge(about.PID)
			h.answer(r)
		}()
		return
	default:
		err = syscall.EINVAL
	}
	r.Errno = errnoOf(err)
	h.answer(r)
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

func (s *guardianSystem) startReaper(file int) (pid int, err error) {
	conn, err := unix.FcntlInt(uintptr(file), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	theirs := os.NewFile(uintptr(conn), "reaper")
	defer theirs.Close()
	s.mu.Lock() // or what is new would be taken for an orphan
	defer s.mu.Unlock()
	owner, program := helper.Owner()
	process, err := helper.Start(helper.Reaper, owner, program, theirs)
	if err != nil {
		return 0, err
	}
	pid = process.Pid
	s.reapers[pid] = false
	s.changed.Broadcast()
	return pid, process.Release() // reap waits for it
}

// reapAll reaps whoever ends. There are children only if there are reapers, or were.
func (s *guardianSystem) reapAll() {
	for {
		err := reaper.AwaitExit(0)
		s.mu.Lock()
		if errors.Is(err, unix.ECHILD) {
			for len(s.reapers) == 0 {
				s.changed.Wait()
			}
		}
		s.reap()
		s.mu.Unlock()
	}
}

// reap waits for all children that have ended, and kills the orphans of reapers that were
// killed. The caller holds mu.
func (s *guardianSystem) reap() {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG|reaper.WaitAll, nil)
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
			s.changed.Broadcast()
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
		s.changed.Wait()
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
