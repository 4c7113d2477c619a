//go:build darwin || freebsd

package localsock

import "golang.org/x/sys/unix"

// peer returns the effective user of the process at the other end, from when it connected, or
// began to listen (LOCAL_PEERCRED, unix(4)).
func peer(fd int) (uid int, err error) {
	cred, err := unix.GetsockoptXucred(fd, 0, unix.LOCAL_PEERCRED) // 0 is SOL_LOCAL
	if err != nil {
		return 0, err
	}
	return int(cred.Uid), nil
}
