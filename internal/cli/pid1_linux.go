package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/proctable"
)

// isPID1 reports whether this is process 1 of its PID namespace. It is the parent of all
// orphans there, nobody is left when it has ended, and a signal of which the action is
// the default one does nothing to it (pid_namespaces(7)).
func isPID1() bool { return os.Getpid() == 1 }

// pid1 is process 1 while its child does what it was started to do. Everything happens in
// one goroutine, so that the child's number is its own as long as signals go there.
type pid1 struct {
	signals <-chan os.Signal // for the child
	deaths  <-chan os.Signal // somebody has died or stopped
	ready   chan struct{}    // closed when the child can take signals
	child   int
	status  syscall.WaitStatus // how the child has ended
}

// readyEnv tells the child which descriptor it closes when it can take signals: one that
// came before would end it.
const readyEnv = "PROCGROUP_READY_FD"

// runAsPID1 starts this program again, which runs the command as no process 1, and is the
// init of the container until that has ended.
func runAsPID1(o runOptions, stderr io.Writer) error {
	// Before anything is started: a signal that comes meanwhile waits in the channel.
	deaths := make(chan os.Signal, 1)
	signal.Notify(deaths, unix.SIGCHLD)
	p := pid1{signals: catchSignals(o.passedOn), deaths: deaths, ready: make(chan struct{})}
	if err := p.start(); err != nil {
		return failed(fmt.Errorf("as process 1, cannot start itself again: %w", err))
	}
	p.follow()
	var others []proctable.Details
	if o.verbose {
		others = listOthers()
	}
	if err := killOthers(); err != nil {
		return failed(err)
	}
	for _, other := range others {
		fmt.Fprintf(stderr, "procgroup: killed leftover %d (%s): %s\n",
			other.PID, other.Name, quoteCommand(other.Command))
	}
	if status := shellStatus(p.status); status != 0 {
		return &exitError{status: status}
	}
	return nil
}

// start starts the child. It has no os.Process: there will be no Wait.
func (p *pid1) start() error {
	attr, release := childAttr()
	defer release()
	var ready [2]int
	if err := unix.Pipe(ready[:]); err != nil { // for the child too
		return os.NewSyscallError("pipe", err)
	}
	defer unix.Close(ready[1])
	unix.CloseOnExec(ready[0])
	os.Setenv(readyEnv, strconv.Itoa(ready[1]))
	const self = "/proc/self/exe"
	child, err := syscall.ForkExec(self, os.Args, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{0, 1, 2},
		Sys:   attr,
	})
	if err != nil {
		unix.Close(ready[0])
		return &os.PathError{Op: "fork/exec", Path: self, Err: err}
	}
	p.child = child
	go func() {
		defer close(p.ready)
		pipe := os.NewFile(uintptr(ready[0]), "ready")
		defer pipe.Close()
		_, _ = pipe.Read(make([]byte, 1)) // its end, by a close or an exit
	}()
	return nil
}

// tellPID1 lets process 1 pass signals on, if it has started us.
func tellPID1() {
	if os.Getppid() != 1 {
		return
	}
	fd, err := strconv.Atoi(os.Getenv(readyEnv))
	os.Unsetenv(readyEnv)
	if err == nil {
		unix.Close(fd)
	}
}

// childAttr returns how the child starts: with the terminal, if there is one for it, and
// apart from process 1, so that what a terminal or anybody else sends to the process
// group of one does not reach the other.
func childAttr() (attr *syscall.SysProcAttr, release func()) {
	if attr := handOverTerminal(); attr != nil {
		return attr, func() {}
	}
	tty, err := openTTY()
	if err != nil {
		return &syscall.SysProcAttr{Setsid: true}, func() {}
	}
	// The terminal of a session that began outside of the namespace.
	attr = &syscall.SysProcAttr{Setpgid: true}
	if inForeground(tty) && !inPipeline() {
		attr = &syscall.SysProcAttr{Foreground: true, Ctty: tty}
	}
	return attr, func() { unix.Close(tty) }
}

// follow returns when the child has ended.
func (p *pid1) follow() {
	var signals <-chan os.Signal // nil, so that they wait
	ready := p.ready
	for {
		select {
		case <-ready:
			signals, ready = p.signals, nil
		case sig := <-signals:
			_ = unix.Kill(p.child, sig.(syscall.Signal)) // it may be a zombie by now
		case <-p.deaths:
			if p.reap() {
				return
			}
		}
	}
}

// reap takes in all who have died, and reports whether the child is one of them.
func (p *pid1) reap() (ended bool) {
	for {
		var status syscall.WaitStatus
		pid, err := wait(&status, unix.WNOHANG|unix.WUNTRACED)
		switch {
		case err != nil || pid == 0:
			return ended
		case pid != p.child:
		case status.Stopped():
			// Nobody else could continue it, or knows that it has stopped.
			_ = unix.Kill(p.child, unix.SIGCONT)
		default:
			p.status, ended = status, true
		}
	}
}

// wait is wait4(2) for any child.
func wait(status *syscall.WaitStatus, options int) (pid int, err error) {
	for {
		pid, err = syscall.Wait4(-1, status, options, nil)
		if !errors.Is(err, unix.EINTR) {
			return pid, err
		}
	}
}
