//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import (
	"errors"
	"os"
	"syscall"

	"github.com/procgroup/procgroup/internal/watch"
)

// awaitExit blocks until the process, a child of ours, has exited, and leaves it
// unreaped: its number is nobody else's until it is waited for. It returns nil, too, if
// the child was reaped before.
func awaitExit(p *os.Process) error {
	// Once p was waited for, its number may be that of a stranger.
	if errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone) {
		return nil
	}
	exited := make(chan struct{})
	stop, err := watch.Exit(p.Pid, func() { close(exited) })
	// A zombie counts as gone where kqueue does not find it (kqueue(2), EVFILT_PROC).
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer stop()
	<-exited
	return nil
}
