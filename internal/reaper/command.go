//go:build linux || dragonfly || freebsd

package reaper

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/helper"
)

// command is a command that was started.
type command struct {
	mirror  *helper.Conn
	unwatch func() // stops to listen to the mirror
}

// start starts a command, and answers.
func (s *server) start(o Order, files []int) {
	mirror, pid, err := s.tryStart(o.Start, files)
	helper.CloseFiles(files)
	if err != nil {
		s.startFailed(o.ID, mirror, err)
		return
	}
	c := &command{mirror, func() {}}
	s.mu.Lock()
	s.report(Report{ID: o.ID, PID: pid}) // before anybody can tell how it ended
	status, over := s.early[pid]
	if !over {
		s.commands[pid] = c
		s.listen(pid, c)
	}
	s.startOver()
	s.mu.Unlock()
	if over {
		s.reap() // tells first if nobody is left
		c.end(status)
	}
}

// startFailed answers that a command could not be started. Before that it tells if nobody is
// left, so that the owner knows, too.
func (s *server) startFailed(id uint64, mirror *helper.Conn, err error) {
	if mirror != nil {
		mirror.Close()
	}
	r := Report{ID: id, Errno: syscall.EIO}
	errors.As(err, &r.Errno)
	s.mu.Lock()
	s.startOver()
	s.mu.Unlock()
	s.reap()
	s.report(r)
}

// startOver notes that a start is over. The caller holds mu.
func (s *server) startOver() {
	s.starts++
	s.settle()
}

// settle notes that something that was under way is over. The caller holds mu.
func (s *server) settle() {
	s.under--
	if s.under == 0 {
		clear(s.early)
	}
	s.changed.Broadcast()
}

// tryStart starts a command. The connection to its mirror is returned, if there is one, also
// with an error.
func (s *server) tryStart(spec *Spec, files []int) (mirror *helper.Conn, pid int, err error) {
	if spec == nil || len(files) < 2 {
		return nil, 0, syscall.EINVAL
	}
	dir, rest := files[0], files[2:]
	fd, err := unix.FcntlInt(uintptr(files[1]), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, 0, err
	}
	mirror = helper.NewConn(fd)
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
	if spec.Umask >= 0 {
		unix.Umask(spec.Umask)
	}
	pid, _, err = syscall.StartProcess(string(spec.Path), spec.Args, attr)
	_ = unix.Chdir("/")
	return mirror, pid, err
}

// maxNumber is the highest number that a descriptor of a command can have.
const maxNumber = 1 << 16

// procAttr returns the attributes of the command's process.
func (s *server) procAttr(spec *Spec, files []int) (*syscall.ProcAttr, error) {
	if len(files) != len(spec.Files) {
		return nil, syscall.EBADF
	}
	attr := &syscall.ProcAttr{Dir: string(spec.Dir), Env: spec.Env, Sys: spec.Attr}
	set := func(number, fd int) {
		for len(attr.Files) <= number {
			attr.Files = append(attr.Files, ^uintptr(0)) // closed
		}
		attr.Files[number] = uintptr(fd)
	}
	for i, number := range spec.Files {
		if number < 0 || number > maxNumber {
			return nil, syscall.EBADF
		}
		set(number, files[i])
	}
	for _, number := range spec.Null {
		set(number, s.null[min(number, 1)])
	}
	return attr, nil
}

// listen hears what the mirror of a command says. The caller holds mu.
func (s *server) listen(pid int, c *command) {
	_ = c.mirror.FD(func(fd int) error {
		stop, err := watchInput(fd, func() { s.hear(pid, c) })
		if err == nil {
			c.unwatch = stop
		}
		return err
	})
}

// hear passes on the signals that a mirror has got, and kills the command if somebody has
// killed the mirror.
func (s *server) hear(pid int, c *command) {
	for {
		m, files, err := tryReceiveMirror(c.mirror)
		helper.CloseFiles(files)
		if errors.Is(err, unix.EAGAIN) {
			return
		}
		sig := unix.SIGKILL
		if err == nil {
			sig = unix.Signal(m.value)
		}
		s.mu.Lock()
		if s.commands[pid] == c { // not reaped, so the number is its own
			_ = unix.Kill(pid, sig)
		}
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// end makes the mirror end as the command has.
func (c *command) end(status unix.WaitStatus) {
	m := mirrorMessage{exited, uint32(status.ExitStatus())}
	if status.Signaled() {
		m = mirrorMessage{signaled, uint32(status.Signal())}
	}
	_ = m.send(c.mirror)
	c.unwatch()
	c.mirror.Close()
}
