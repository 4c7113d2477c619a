package localsock

import "golang.org/x/sys/unix"

// peer returns the effective user of the process at the other end, from when it connected, or
// began to listen (SO_PEERCRED, unix(7)).
func peer(fd int) (uid int, err error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(cred.Uid), nil
}
