//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package localsock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// maxPath is how long the path of a socket can be (sun_path): 107 bytes on Linux, 103 elsewhere.
const maxPath = len(syscall.RawSockaddrUnix{}.Path) - 1

func path(dir, _ string) string { return filepath.Join(dir, "sock") }

func checkPath(path string) error {
	if len(path) > maxPath {
		return fmt.Errorf("socket %s: the path has %d bytes, and the system takes no more than %d: %w",
			path, len(path), maxPath, os.ErrInvalid)
	}
	return nil
}

func listen(path string) (net.Listener, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return listener{l}, nil
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if !ours(conn.(*net.UnixConn)) {
		conn.Close()
		return nil, foreign(path)
	}
	return conn, nil
}

// listener accepts the connections of one user.
type listener struct{ *net.UnixListener }

func (l listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if ours(conn) {
			return conn, nil
		}
		conn.Close()
	}
}

// ours reports whether the process at the other end is this process's user's. That of one which
// has gone already may not be known; nothing is lost with it.
func ours(conn *net.UnixConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	var uid int
	controlErr := raw.Control(func(fd uintptr) { uid, err = peer(int(fd)) })
	return controlErr == nil && err == nil && uid == os.Geteuid()
}
