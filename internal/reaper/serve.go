//go:build linux || dragonfly || freebsd

package reaper

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
)

// server is a reaper.
type server struct {
	conn *helper.Conn
	null [2]int // /dev/null for reading and for writing

	starting sync.Mutex // held by a start: the directory and the umask are the process's

	mu       sync.Mutex
	commands map[int]*helper.Conn    // by number, not yet reaped, with their mirrors
	early    map[int]unix.WaitStatus // of children that ended while one was being started
	under    int                     // starts under way
	starts   uint64                  // that are over
	told     uint64                  // at how many starts the owner was told that nobody is left
	killing  bool
	released bool
}

// survivorLimit bounds the time that a reaper without an owner tries to kill members.
const survivorLimit = 10 * time.Second

// Serve is the main function of a reaper.
func Serve(conn *helper.Conn) {
	s := &server{conn: conn, commands: make(map[int]*helper.Conn), early: make(map[int]unix.WaitStatus)}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	if err := errors.Join(Acquire(), s.openNull()); err != nil {
		return // the owner sees that there is nobody
	}
	go func() {
		for range ended {
			s.reap()
		}
	}()
	for {
		message, files, err := conn.Receive()
		if err != nil {
			break
		}
		var o Order
		if json.Unmarshal(message, &o) != nil {
			helper.CloseFiles(files)
			continue
		}
		s.obey(o, files)
	}
	s.end()
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

func (s *server) obey(o Order, files []int) {
	switch o.Op {
	case Start:
		s.mu.Lock()
		s.under++
		s.mu.Unlock()
		go s.start(o, files)
		return
	case Kill:
		s.mu.Lock()
		already := s.killing
		s.killing = true
		s.mu.Unlock()
		s.killOnce()
		s.report(Report{ID: o.ID})
		if !already {
			go s.killAll()
		}
	case Release:
		s.mu.Lock()
		s.released = true
		s.mu.Unlock()
		s.report(Report{ID: o.ID})
	}
	helper.CloseFiles(files)
}

// report tells the owner. If there is none any more, nobody needs to know.
func (s *server) report(r Report) {
	if text, err := json.Marshal(r); err == nil {
		_ = s.conn.Send(text)
	}
}

// start starts a command, and answers.
func (s *server) start(o Order, files []int) {
	mirror, pid, err := s.tryStart(o.Start, files)
	helper.CloseFiles(files)
	r := Report{ID: o.ID, PID: pid}
	if err != nil {
		r.Errno = syscall.EIO
		errors.As(err, &r.Errno)
	}
	s.report(r) // before anybody can tell how it ended
	s.mu.Lock()
	if err == nil {
		s.commands[pid] = mirror
		go s.serveMirror(pid, mirror)
	} else if mirror != nil {
		mirror.Close()
	}
	s.under--
	s.starts++
	status, over := s.early[pid]
	if s.under == 0 {
		clear(s.early)
	}
	s.mu.Unlock()
	if err == nil && over {
		s.ended(map[int]unix.WaitStatus{pid: status})
	}
	s.reap() // tells when nobody is left
}

// tryStart starts a command, of which the mirror is returned too, if there is one.
func (s *server) tryStart(spec *Spec, files []int) (mirror *helper.Conn, pid int, err error) {
	if spec == nil || len(files) < 2 {
		return nil, 0, syscall.EINVAL
	}
	dir, rest := files[0], files[2:]
	fd, err := unix.FcntlInt(uintptr(files[1]), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, 0, err
	}
	mirror, err = helper.FromFD(fd)
	if err != nil {
		return nil, 0, err
	}
	rest, err = spec.takeCgroup(rest)
	if err != nil {
		return mirror, 0, err
	}
	if spec.FilesFromMirror {
		_, rest, err = receiveMirror(mirror)
		if err != nil {
			return mirror, 0, err
		}
		defer helper.CloseFiles(rest)
	}
	attr, err := s.procAttr(spec, rest)
	if err != nil {
		return mirror, 0, err
	}
	s.starting.Lock()
	defer s.starting.Unlock()
	if err := unix.Fchdir(dir); err != nil {
		return mirror, 0, err
	}
	unix.Umask(spec.Umask)
	pid, _, err = syscall.StartProcess(string(spec.Path), texts(spec.Args), attr)
	_ = unix.Chdir("/")
	return mirror, pid, err
}

// procAttr returns the attributes of the command's process.
func (s *server) procAttr(spec *Spec, files []int) (*syscall.ProcAttr, error) {
	if len(files) != len(spec.Files) {
		return nil, syscall.EBADF
	}
	attr := &syscall.ProcAttr{Dir: string(spec.Dir), Env: texts(spec.Env), Sys: &spec.Attr}
	set := func(number int, fd int) {
		for len(attr.Files) <= number {
			attr.Files = append(attr.Files, ^uintptr(0)) // closed
		}
		attr.Files[number] = uintptr(fd)
	}
	for i, number := range spec.Files {
		if number < 0 || number > helper.MaxFiles {
			return nil, syscall.EBADF
		}
		set(number, files[i])
	}
	for _, number := range spec.Null {
		set(number, s.null[min(number, 1)])
	}
	return attr, nil
}

func texts(list [][]byte) []string {
	out := make([]string, len(list))
	for i, text := range list {
		out[i] = string(text)
	}
	return out
}

// serveMirror passes on the signals that a mirror has got, and kills the command if
// somebody has killed the mirror.
func (s *server) serveMirror(pid int, mirror *helper.Conn) {
	for {
		m, files, err := receiveMirror(mirror)
		helper.CloseFiles(files)
		sig := unix.SIGKILL
		if err == nil {
			sig = unix.Signal(m.value)
		}
		s.mu.Lock()
		if s.commands[pid] == mirror { // not reaped, so the number is its own
			_ = unix.Kill(pid, sig)
		}
		s.mu.Unlock()
		if err != nil {
			mirror.Close()
			return
		}
	}
}

// reap waits for all who have ended, and tells the owner if nobody is left.
func (s *server) reap() {
	s.mu.Lock()
	ended := make(map[int]unix.WaitStatus)
	alone := false
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG|waitAll, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		alone = errors.Is(err, unix.ECHILD)
		if err != nil || pid == 0 {
			break
		}
		if _, ok := s.commands[pid]; ok {
			ended[pid] = status
		} else if s.under > 0 {
			s.early[pid] = status
		}
	}
	if alone && s.under == 0 && s.told < s.starts {
		// First this, and then the mirrors: who has waited for the last command knows.
		s.told = s.starts
		s.report(Report{Starts: s.starts})
	}
	s.mu.Unlock()
	s.ended(ended)
}

// ended makes the mirrors of commands end as these have.
func (s *server) ended(commands map[int]unix.WaitStatus) {
	for pid, status := range commands {
		s.mu.Lock()
		mirror := s.commands[pid]
		delete(s.commands, pid)
		s.mu.Unlock()
		m := mirrorMessage{exited, uint32(status.ExitStatus())}
		if status.Signaled() {
			m = mirrorMessage{signaled, uint32(status.Signal())}
		}
		_ = m.send(mirror)
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
	for ; ; time.Sleep(10 * time.Millisecond) {
		s.mu.Lock()
		left := len(s.commands) + s.under
		s.mu.Unlock()
		if left == 0 {
			return
		}
	}
}
