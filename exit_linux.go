package procgroup

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// awaitExit blocks until the process, a child of ours, has exited, and leaves it
// unreaped: while it is a zombie its number is nobody else's (waitid(2), WNOWAIT).
// It returns nil, too, if the child was reaped before.
func awaitExit(p *os.Process) error {
	var err error
	wait := func(kind, id int) {
		for {
			err = unix.Waitid(kind, id, nil, unix.WEXITED|unix.WNOWAIT, nil)
			if !errors.Is(err, unix.EINTR) {
				return
			}
		}
	}
	handleErr := p.WithHandle(func(pidfd uintptr) { wait(unix.P_PIDFD, int(pidfd)) })
	switch {
	case errors.Is(handleErr, os.ErrProcessDone):
		return nil
	case errors.Is(handleErr, os.ErrNoHandle):
		wait(unix.P_PID, p.Pid)
	case handleErr != nil:
		return handleErr
	}
	if errors.Is(err, unix.ECHILD) {
		return nil
	}
	return os.NewSyscallError("waitid", err)
}
