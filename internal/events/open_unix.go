//go:build unix

package events

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openStdout returns a duplicate of standard output.
func openStdout() (*os.File, error) { return duplicate(unix.Stdout) }

// duplicate returns a descriptor for the same that is not one of the standard ones.
func duplicate(fd int) (*os.File, error) {
	fd, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, unix.Stderr+1)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), "events"), nil
}

// openFD takes over a descriptor.
func openFD(fd uintptr) (*os.File, error) {
	flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0)
	if err != nil {
		return nil, fmt.Errorf("descriptor %d is not open: %w", fd, err)
	}
	mode, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
	switch {
	case err != nil:
		return nil, os.NewSyscallError("fcntl", err)
	case fd == uintptr(unix.Stdin) || mode&unix.O_ACCMODE == unix.O_RDONLY:
		return nil, fmt.Errorf("descriptor %d is not one to write to: %w", fd, os.ErrInvalid)
	case fd <= uintptr(unix.Stderr):
		return duplicate(int(fd))
	case flags&unix.FD_CLOEXEC != 0:
		// It is our own, such as one of Go's poller: inherited ones have got through exec.
		return nil, fmt.Errorf("descriptor %d was not inherited: %w", fd, os.ErrInvalid)
	}
	unix.CloseOnExec(int(fd))
	return os.NewFile(fd, "events"), nil
}

// openFile opens a file. What is in it is for whom the umask says, as with any log.
func openFile(path string) (*os.File, error) {
	// Without O_NONBLOCK a FIFO that nobody reads would hang us (fifo(7)).
	const flags = unix.O_WRONLY | unix.O_APPEND | unix.O_CREAT | unix.O_CLOEXEC | unix.O_NONBLOCK
	fd, err := unix.Open(path, flags, 0o666)
	for errors.Is(err, unix.EINTR) {
		fd, err = unix.Open(path, flags, 0o666)
	}
	if errors.Is(err, unix.ENXIO) {
		return nil, fmt.Errorf("nobody has opened %s to read it: %w", path, err)
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	// From here on it is to block, so that a line is written as a whole.
	if err := unix.SetNonblock(fd, false); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), path), nil
}
