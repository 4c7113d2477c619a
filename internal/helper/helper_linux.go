package helper

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

const recvFlags = unix.MSG_CMSG_CLOEXEC

func socketpair() ([2]int, error) {
	return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}

// executable returns the path by which this program can be run again, also when its file
// was replaced or removed.
func executable() (string, error) { return "/proc/self/exe", nil }

// atSecure is AT_SECURE: the kernel has raised the privileges of this process when it was
// executed (getauxval(3)).
const atSecure = 23

// raised reports whether the process has more privileges than who has called it.
func raised() bool {
	if os.Getuid() != os.Geteuid() || os.Getgid() != os.Getegid() {
		return true
	}
	vector, err := unix.Auxv()
	for _, entry := range vector {
		if entry[0] == atSecure {
			return entry[1] != 0
		}
	}
	return err != nil
}

// checkPeer makes sure that who has made the connection is of the same user.
func checkPeer(fd int) error {
	peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	if int(peer.Uid) != os.Getuid() {
		return errors.New("the orders come from another user")
	}
	return nil
}

// rename changes the name that the process table has, of which there is one for each
// thread: that of the process is its first thread's.
func rename(name string) {
	_ = os.WriteFile("/proc/self/comm", []byte(name), 0)
}
