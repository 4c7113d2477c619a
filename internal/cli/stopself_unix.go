//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package cli

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// stopSelf stops this process, and returns when it is continued. The signal is SIGSTOP
// whatever it is asked for: package os/signal does not give back the default action of
// one that it has caught. The rest of the job has the signal from where we have it.
func stopSelf(syscall.Signal, bool) {
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, unix.SIGCONT)
	defer signal.Stop(continued)
	if unix.Kill(os.Getpid(), unix.SIGSTOP) == nil {
		<-continued
	}
}
