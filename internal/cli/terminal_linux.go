package cli

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/internal/proctable"
)

// A terminal is our controlling terminal, on which the command runs as a job: in a
// process group of its own, so that what the terminal or anybody else sends to our
// process group does not reach it twice. It has the terminal when we could have it.
//
// Where our process group is a job that we share, with the other commands of a pipeline
// or with a script, those need the terminal as well: the command gets it when it asks
// for it, which stops it with SIGTTIN or SIGTTOU.
//
// The methods may use the number of the command's process group as long as the command
// is not reaped. They do nothing if the terminal is nil.
type terminal struct {
	fd     int
	ours   int  // our process group
	theirs int  // the command's
	wanted bool // it is to have the terminal whenever we have it
	held   bool // it has it
}

// openTerminal returns nil if there is no terminal, or if the containment keeps the
// command away from it, in a session of its own.
func openTerminal(c procgroup.Containment) *terminal {
	if c != procgroup.Cgroup {
		return nil
	}
	fd, err := openTTY()
	if err != nil {
		return nil
	}
	ours := unix.Getpgrp()
	return &terminal{fd: fd, ours: ours, wanted: ours == os.Getpid() && !inPipeline()}
}

// openTTY opens our controlling terminal.
func openTTY() (fd int, err error) {
	return unix.Open("/dev/tty", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
}

// inPipeline reports whether a standard stream is a pipe or a socket.
func inPipeline() bool {
	for fd := range 3 {
		var stat unix.Stat_t
		if unix.Fstat(fd, &stat) != nil {
			continue
		}
		if kind := stat.Mode & unix.S_IFMT; kind == unix.S_IFIFO || kind == unix.S_IFSOCK {
			return true
		}
	}
	return false
}

// prepare makes the command start in a process group of its own, unless its containment
// gives it a session. Below process 1 that session gets the terminal: it is nobody
// else's.
func (t *terminal) prepare(cmd *exec.Cmd, c procgroup.Containment) {
	if c != procgroup.Cgroup {
		if isOurPID1(os.Getppid()) {
			cmd.SysProcAttr = handOverTerminal()
		}
		return
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if t != nil && t.wanted && t.foreground() == t.ours {
		cmd.SysProcAttr = &syscall.SysProcAttr{Foreground: true, Ctty: t.fd}
		t.held = true
	}
}

func (t *terminal) started(pid int) {
	if t != nil {
		t.theirs = pid
	}
}

// close takes the terminal back.
func (t *terminal) close() {
	if t == nil {
		return
	}
	t.takeBack()
	unix.Close(t.fd)
}

// takeBack makes our process group the terminal's foreground again, unless a shell above
// us has taken that already. The command may have given it to a group of its own making.
func (t *terminal) takeBack() {
	if t.held && !isAbove(t.foreground()) {
		_ = t.setForeground(t.ours) // it fails if the terminal is gone
	}
	t.held = false
}

// askToStop passes on a Ctrl-Z that has reached us and not the command.
func (t *terminal) askToStop() { _ = unix.Kill(-t.theirs, unix.SIGTSTP) }

// yield deals with a command that sig has stopped, and tells whether we have to stop as
// well, as a part of the job that has stopped, and whether the rest of the job has to:
// what the terminal sends to the command's process group is meant for all of it.
func (t *terminal) yield(sig syscall.Signal) (stop, wholeJob bool) {
	wantsTerminal := sig == unix.SIGTTIN || sig == unix.SIGTTOU
	switch {
	case wantsTerminal && t.foreground() == t.ours:
		t.wanted = true
		t.resume()
		return false, false
	case orphaned():
		// Nobody would continue us. Ctrl-Z does nothing then (setpgid(2), "orphaned").
		if sig == unix.SIGTSTP {
			t.resume()
		}
		return false, false
	}
	wholeJob = wantsTerminal || t.held && sig == unix.SIGTSTP
	t.takeBack()
	return true, wholeJob
}

// resume lets the command run, in the foreground if we are there.
func (t *terminal) resume() {
	if t.wanted && t.foreground() == t.ours {
		t.held = t.setForeground(t.theirs) == nil
	}
	_ = unix.Kill(-t.theirs, unix.SIGCONT)
}

// foreground returns the terminal's foreground process group, 0 if there is none.
func (t *terminal) foreground() int {
	group, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
	if err != nil {
		return 0
	}
	return group
}

// setForeground does what tcsetpgrp does. From the background that stops who does it,
// unless the thread blocks the signal.
func (t *terminal) setForeground(group int) error {
	var err error
	withBlocked(unix.SIGTTOU, func() {
		err = unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, group)
	})
	return err
}

// isAbove reports whether a process group is that of an ancestor in our session, and not
// our own.
func isAbove(group int) bool {
	found := false
	forAncestors(func(ancestor proctable.Entry) bool {
		found = ancestor.Group == group && group != unix.Getpgrp()
		return !found
	})
	return found
}
