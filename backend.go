package procgroup

import (
	"context"
	"errors"
	"os"
	"os/exec"
)

// backend is the containment of one group: mechanism without policy. Group
// decides what happens when (that a closed group starts nothing, that a stop is
// terminate, wait and kill), a backend knows how to do it.
//
// What Group promises to a backend:
//
//   - All methods may be called at any time from any goroutine. Those that come beside
//     or after a close or release that has succeeded find an empty group.
//   - close and release never run beside a prepare, start or assign.
//   - prepare and start never run between the beginning of pause and the end of
//     unpause: a process that is cloned into a frozen containment would hang its
//     parent.
//   - pause and unpause alternate.
type backend interface {
	// prepare changes cmd so that the process which it starts is born a member,
	// or waits to be assigned before it runs. An error leaves cmd as it was.
	prepare(cmd *exec.Cmd) error

	// start starts cmd as a member: prepare, cmd.Start and assign, without a moment
	// at which the process could escape or stay behind. It leaves the fields of
	// cmd as the caller set them. plain says that os/exec has nothing to do for cmd
	// but to start it, so that the backend may do that without it.
	start(cmd *exec.Cmd, plain bool) (started, error)

	// assign makes the process a member, or confirms that it is one. leader returns the
	// command's process; nil stands for the one with this number.
	assign(pid int) (leader func() *os.Process, err error)

	// resumeProcess lets a process run that prepare had started suspended.
	resumeProcess(pid int) error

	// pause returns once it has seen that no member runs. On an error everything
	// runs again.
	pause(ctx context.Context) error
	unpause() error

	// signal reaches every member. It returns os.ErrProcessDone if there is none.
	signal(sig os.Signal) error

	// terminate asks every member to end, as politely as the system can. It returns
	// os.ErrProcessDone if there is none.
	terminate() error

	// kill condemns every member there is, and every process that a start under
	// way adds. A start that begins later is not affected.
	kill() error

	// empty reports whether no member is alive, zombies apart.
	empty() (bool, error)

	// watch calls notify, now and then in vain, when the group may have become
	// empty, until stop is called. It does so from a goroutine that others need:
	// notify must not block.
	watch(notify func()) (stop func(), err error)

	processes() ([]Process, error)
	stats() (Stats, error)

	// release lets the members go, unharmed, and frees everything.
	release() error

	// close frees everything, if no member is alive, so that nothing is left behind. If
	// one is, it changes nothing and returns errOccupied.
	close() error
}

// started is what a backend tells of a start.
type started struct {
	leader func() *os.Process // returns the command's process; nil stands for cmd.Process
	byHand bool               // os/exec has not started it, and does nothing for it but wait
}

// errOccupied says that a containment holds living members.
var errOccupied = errors.New("members are alive")
