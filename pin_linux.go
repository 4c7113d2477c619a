package procgroup

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// pin is a hold on a process group by its leader's pidfd. The number of the group may be
// reused when all are gone; the pin means the same group for ever.
type pin struct{ pidfd int }

// signalProcessGroup is PIDFD_SIGNAL_PROCESS_GROUP (Linux 6.9): the signal goes to the
// group that the process leads, also when the process itself was reaped.
const signalProcessGroup = 1 << 2

// canPin tells whether the kernel knows signalProcessGroup.
var canPin = sync.OnceValue(func() bool {
	self, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return false
	}
	defer unix.Close(self)
	err = unix.PidfdSendSignal(self, 0, nil, signalProcessGroup)
	return !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS)
})

// newPin returns a pin on the group that a process leads, nil if there is none to be had.
func newPin(p *os.Process) *pin {
	if !canPin() {
		return nil
	}
	pidfd, err := -1, error(nil)
	handleErr := p.WithHandle(func(handle uintptr) {
		pidfd, err = unix.FcntlInt(handle, unix.F_DUPFD_CLOEXEC, 0)
	})
	if handleErr != nil || err != nil {
		return nil
	}
	return &pin{pidfd}
}

// exited reports whether the leader has exited, be it reaped or not (pidfd_open(2)).
func (p *pin) exited() bool {
	fds := []unix.PollFd{{Fd: int32(p.pidfd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}

// holds reports whether anybody is in the group, zombies included: its number is not
// given to others then.
func (p *pin) holds() bool {
	err := p.signal(0)
	return err == nil || errors.Is(err, unix.EPERM)
}

// signal sends a signal to everybody in the group.
func (p *pin) signal(sig unix.Signal) error {
	return unix.PidfdSendSignal(p.pidfd, sig, nil, signalProcessGroup)
}

func (p *pin) close() { unix.Close(p.pidfd) }
