package cli

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// handOverTerminal gives up our controlling terminal, and returns how a command starts
// that gets it, as the leader of a session. It returns nil if we do not lead the
// terminal's session, or if no standard stream is the terminal.
func handOverTerminal() *syscall.SysProcAttr {
	if session, err := unix.Getsid(0); err != nil || session != os.Getpid() {
		return nil
	}
	for fd := range 3 {
		// This fails for a terminal that is not our controlling one (ioctl_tty(2)).
		if _, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP); err != nil {
			continue
		}
		if releaseTerminal(fd) != nil {
			return nil
		}
		return &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: fd}
	}
	return nil
}

// releaseTerminal makes a terminal nobody's. The kernel sends its foreground process
// group, ours, HUP and CONT then (ioctl_tty(2), TIOCNOTTY), which are not meant for us.
func releaseTerminal(fd int) (err error) {
	withAction(unix.SIGHUP, actionIgnore, func() {
		withAction(unix.SIGCONT, actionIgnore, func() {
			err = unix.IoctlSetInt(fd, unix.TIOCNOTTY, 0)
		})
	})
	return err
}

// inForeground reports whether our process group is the foreground of our controlling
// terminal. Numbers cannot tell if they are of another PID namespace, and are 0 here. A
// read does: in the background, without the signal for it, it fails with EIO even if it
// is of nothing.
func inForeground(tty int) bool {
	var err error
	withBlocked(unix.SIGTTIN, func() {
		_, err = unix.Read(tty, nil)
	})
	return err == nil
}
