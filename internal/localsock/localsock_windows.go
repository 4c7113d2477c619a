package localsock

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"
)

func path(_, id string) string { return `\\.\pipe\procgroup-` + id }

func listen(path string) (net.Listener, error) {
	user, err := currentUser()
	if err != nil {
		return nil, err
	}
	// The owner, by which dial knows whose pipe it is, and a protected access list: all rights
	// for the user, none for anybody else.
	l, err := winio.ListenPipe(path, &winio.PipeConfig{
		SecurityDescriptor: fmt.Sprintf("O:%[1]sD:P(A;;GA;;;%[1]s)", user),
	})
	if err != nil {
		return nil, err
	}
	if err := useUpFirst(path); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// useUpFirst connects to the first instance of a new pipe. It is never served: go-winio only
// keeps the name with it. Windows connects nobody to it, and says that it is busy, but Wine does.
func useUpFirst(path string) error {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	pipe, err := windows.CreateFile(name, windows.GENERIC_READ, 0, nil, windows.OPEN_EXISTING, 0, 0)
	if errors.Is(err, windows.ERROR_PIPE_BUSY) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return windows.CloseHandle(pipe)
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	user, err := currentUser()
	if err != nil {
		return nil, err
	}
	conn, err := winio.DialPipeContext(ctx, path)
	if err != nil {
		return nil, err
	}
	owner, err := ownerOf(conn)
	if err == nil && !owner.Equals(user) {
		err = foreign(path)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// ownerOf returns whose pipe it is. The name of one can be taken by anybody when it is free.
func ownerOf(conn net.Conn) (*windows.SID, error) {
	pipe, ok := conn.(interface{ Fd() uintptr })
	if !ok {
		return nil, errors.ErrUnsupported
	}
	sd, err := windows.GetSecurityInfo(windows.Handle(pipe.Fd()), windows.SE_KERNEL_OBJECT,
		windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return nil, err
	}
	owner, _, err := sd.Owner()
	return owner, err
}

// currentUser returns the user of this process's token.
func currentUser() (*windows.SID, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, err
	}
	return user.User.Sid, nil
}
