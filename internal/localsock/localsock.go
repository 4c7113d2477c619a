// Package localsock lets processes of one user, and of nobody else, talk over a local socket: a
// Unix domain socket, or a named pipe on Windows.
package localsock

import (
	"context"
	"fmt"
	"net"
	"os"
)

// Listen listens on path, at which there must be nothing. Only this process's user can connect:
//
//   - On Unix the socket has mode 0600, whatever the umask. On Linux, macOS and FreeBSD the
//     kernel also tells whose each connection is (SO_PEERCRED in unix(7), LOCAL_PEERCRED in
//     unix(4)), and Accept closes those of other users without a byte, root among them. On the
//     other systems the modes of the socket and of its directory are all there is.
//   - On Windows the access list of the pipe names the user of the process and nobody else, and
//     other machines are refused.
//
// A path that is too long for a socket gives an error that wraps [os.ErrInvalid].
func Listen(path string) (net.Listener, error) { return listen(path) }

// Dial connects to the listener on path. It must be one of this process's user, so far as the
// system tells: otherwise the error wraps [os.ErrPermission].
func Dial(ctx context.Context, path string) (net.Conn, error) { return dial(ctx, path) }

// Path returns where the socket of the entry id is, whose directory is dir.
func Path(dir, id string) string { return path(dir, id) }

// foreign is the error for a listener of another user.
func foreign(path string) error {
	return fmt.Errorf("%s is served by another user: %w", path, os.ErrPermission)
}
