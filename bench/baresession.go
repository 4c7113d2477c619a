//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/proctable"
)

// bareSession is a session that is handled as one does by hand: killpg, and a look into
// proc for each process that was in it.
type bareSession struct {
	number int
	pids   []int
}

// start starts cmd in the session, as its leader.
func (s *bareSession) start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.number = cmd.Process.Pid
	return nil
}

// list finds the processes of the session.
func (s *bareSession) list() error {
	table, err := proctable.All()
	for _, e := range table {
		if e.Session == s.number && e.Alive() {
			s.pids = append(s.pids, e.PID)
		}
	}
	return err
}

// kill kills all and returns when nobody is left.
func (s *bareSession) kill() error {
	return s.signal(unix.SIGKILL, func(e proctable.Entry) bool { return !e.Alive() })
}

// freeze returns when nobody runs.
func (s *bareSession) freeze() error {
	return s.signal(unix.SIGSTOP, func(e proctable.Entry) bool { return e.State == proctable.Stopped })
}

func (s *bareSession) thaw() error { return unix.Kill(-s.number, unix.SIGCONT) }

// close kills what is left. The leader was not waited for yet, so the number is ours.
func (s *bareSession) close() error {
	if s.number == 0 {
		return nil
	}
	return s.kill()
}

// signal sends a signal and returns when it has come to be so with every process.
func (s *bareSession) signal(sig syscall.Signal, so func(proctable.Entry) bool) error {
	if err := unix.Kill(-s.number, sig); err != nil {
		return os.NewSyscallError("kill", err)
	}
	for deadline := time.Now().Add(eventLimit); ; time.Sleep(100 * time.Microsecond) {
		done, err := s.all(so)
		if done || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("session has not followed signal %v after %v", sig, eventLimit)
		}
	}
}

func (s *bareSession) all(so func(proctable.Entry) bool) (bool, error) {
	for _, pid := range s.pids {
		e, err := proctable.Lookup(pid)
		if errors.Is(err, os.ErrProcessDone) {
			continue
		}
		if err != nil || !so(e) {
			return false, err
		}
	}
	return true, nil
}
