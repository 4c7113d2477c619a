//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

// Package helper runs the program itself again, as a process that looks after others for
// it: how such a process is started, how it knows what it is, and how the two talk.
//
// A helper gets its orders over a socket that it inherits, and ends when the other end
// is closed, at the latest: that is how it learns that the owner, whatever ended it, is no
// more. It holds no other descriptor of the owner's, is in a session of its own, and does
// not react to the signals by which a terminal or a service manager ends programs.
package helper

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Role is what a helper does.
type Role string

// The roles.
const (
	Guardian Role = "guardian" // ends what the owner leaves behind
	Reaper   Role = "reaper"   // holds the commands of a group as their ancestor
	Mirror   Role = "mirror"   // stands for a command that another process has started
)

// argv0 is what the arguments of a helper begin with. Users see it in ps(1).
func (r Role) argv0() string { return "procgroup " + string(r) }

// args are the arguments of a helper: what it is, and for whom.
func (r Role) args(owner int, program string) []string {
	return []string{r.argv0(), "for", strconv.Itoa(owner), program}
}

// socket is the descriptor that a helper gets its orders from, unless its first
// argument says otherwise.
const socket = 3

// Heirloom is a second descriptor that a guardian has.
const Heirloom = 4

// exitRefused is the status of a helper that does not do what it is asked to.
const exitRefused = 125

// startLimit bounds the wait for a helper to be there.
const startLimit = 20 * time.Second

// hello is the first thing that a helper says. Both are the same program, unless somebody
// calls it who should not.
const hello = "procgroup helper 1"

// ErrPrivileges says that a program with raised privileges starts no helper.
var ErrPrivileges = fmt.Errorf("the program runs with raised privileges (set-uid, set-gid or file capabilities): %w",
	os.ErrPermission)

// Main is the main function of a helper: it does what the role says, and exits. In a
// process that is not a helper it returns at once.
func Main(roles map[Role]func(*Conn)) {
	for role, serve := range roles {
		if os.Args[0] != role.argv0() {
			continue
		}
		conn, err := prepare(role)
		if err != nil {
			fmt.Fprintf(os.Stderr, "procgroup: %v\n", err)
			os.Exit(exitRefused)
		}
		serve(conn)
		os.Exit(0)
	}
}

// prepare makes this process a helper.
func prepare(role Role) (*Conn, error) {
	if raised() {
		return nil, ErrPrivileges
	}
	fd := socket
	if role == Mirror && len(os.Args) > 2 {
		fd, _ = strconv.Atoi(os.Args[1])
	}
	conn, err := inherit(fd)
	if err != nil {
		return nil, fmt.Errorf("this is the %s of programs that use procgroup, which start it themselves: %w", role, err)
	}
	if role == Mirror {
		return conn, nil // it has the descriptors of the command
	}
	closeInherited(fd, Heirloom)
	unix.CloseOnExec(Heirloom)
	discardSignals()
	rename("procgroup-" + string(role))
	if err := os.Chdir("/"); err != nil { // so as not to keep a file system busy
		return nil, err
	}
	_ = conn.Send([]byte(hello)) // the owner may be dead already: that is what we are for
	return conn, nil
}

// discardSignals makes this process not react to signals that end or stop others. They are
// not ignored, since commands that it starts would ignore them too (execve(2)); and those
// that the owner ignores stay so.
func discardSignals() {
	sink := make(chan os.Signal, 1) // nobody receives
	for _, sig := range []os.Signal{
		unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGTERM, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU,
		unix.SIGPIPE, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM,
	} {
		if !signal.Ignored(sig) {
			signal.Notify(sink, sig)
		}
	}
}

// inherit returns the connection that an inherited descriptor is an end of.
func inherit(fd int) (*Conn, error) {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || fd < socket || kind != unix.SOCK_STREAM {
		return nil, errors.New("there is nobody to take orders from")
	}
	if err := checkPeer(fd); err != nil {
		return nil, err
	}
	unix.CloseOnExec(fd)
	return NewConn(fd), nil
}

// closeInherited closes the descriptors that were inherited, apart from the standard ones
// and those to keep. What this process has opened itself is closed on exec.
func closeInherited(keep ...int) {
	dir, err := os.Open("/dev/fd")
	if err != nil {
		return
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return
	}
	for _, name := range names {
		fd, err := strconv.Atoi(name)
		if err != nil || fd < socket || slices.Contains(keep, fd) {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(fd)
		}
	}
}

// Start starts a helper for the process with the number owner. The first of its files is its
// end of the connection to whom it gets its orders from, the second one the Heirloom.
func Start(role Role, owner int, program string, files ...*os.File) (*os.Process, error) {
	if raised() {
		return nil, ErrPrivileges
	}
	path, err := executable()
	if err != nil {
		return nil, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	return os.StartProcess(path, role.args(owner, program), &os.ProcAttr{
		Files: append([]*os.File{null, null, null}, files...),
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
}

// Program returns the name under which ps shows this process.
func Program() string {
	name := filepath.Base(os.Args[0])
	return strings.ToValidUTF8(name, "?")
}

// AwaitHello waits until the helper at the other end is ready for orders.
func (c *Conn) AwaitHello() error {
	err := c.Await(startLimit)
	var message []byte
	if err == nil {
		message, _, err = c.Receive()
	}
	if err != nil {
		return fmt.Errorf("the helper does not answer (procgroup.Init has to stand first in main): %w", err)
	}
	if string(message) != hello {
		return fmt.Errorf("the helper says %.40q", message)
	}
	return nil
}

// MirrorCommand returns the path and the arguments of a mirror, which is started like a
// command: with the descriptors of that command, and its end of the connection as fd.
func MirrorCommand(fd int, files []int, owner int, program string) (path string, args []string, err error) {
	if raised() {
		return "", nil, ErrPrivileges
	}
	path, err = executable()
	args = []string{Mirror.argv0(), strconv.Itoa(fd), joinNumbers(files), "for", strconv.Itoa(owner), program}
	return path, args, err
}

// MirrorFiles returns the descriptors that this process, a mirror, has of a command.
func MirrorFiles() []int {
	var files []int
	for _, number := range strings.Split(os.Args[2], ",") {
		if fd, err := strconv.Atoi(number); err == nil {
			files = append(files, fd)
		}
	}
	return files
}

func joinNumbers(list []int) string {
	var b strings.Builder
	for i, n := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(n))
	}
	return b.String()
}

// IsMirror reports whether a command line is that of a mirror.
func IsMirror(args []string) bool { return len(args) > 0 && args[0] == Mirror.argv0() }

// Owner returns the number and the name of the program that this process, a helper, is
// there for.
func Owner() (pid int, program string) {
	if len(os.Args) < 4 {
		return 0, ""
	}
	pid, _ = strconv.Atoi(os.Args[2])
	return pid, os.Args[3]
}
