//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package helper

import (
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const recvFlags = 0

func socketpair() ([2]int, error) {
	// Between the two calls nobody may fork.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(pair[0])
		unix.CloseOnExec(pair[1])
	}
	return pair, err
}

// executable returns the path of this program.
var executable = sync.OnceValues(os.Executable)

// raised reports whether the process has more privileges than who has called it.
func raised() bool { return unix.Issetugid() }

// checkPeer has nothing to check: these systems do not all tell who has made a pair of
// sockets, and only who has it can hand it on.
func checkPeer(int) error { return nil }

func rename(string) {}
