//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package helper

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// MaxFiles is how many descriptors a message can carry: SCM_MAX_FD (unix(7)), less some.
const MaxFiles = 250

// maxMessage bounds a message. The arguments and the environment of a command are the
// largest part of one, and the kernel takes a few MiB of them (execve(2)).
const maxMessage = 64 << 20

// headerSize is that of what stands before each message: its length, and how many
// descriptors come with it, four bytes each.
const headerSize = 8

// Conn is an end of a connection between an owner and a helper. It carries messages, and
// descriptors with them. It may be used from many goroutines at once.
type Conn struct {
	file *os.File
	raw  syscall.RawConn

	sending sync.Mutex

	receiving sync.Mutex
	data      []byte // received, and not yet a whole message
	files     []int  // that have come with it
}

// NewPair returns the two ends of a connection, theirs to be handed to a helper.
func NewPair() (ours *Conn, theirs *os.File, err error) {
	pair, err := socketpair()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	theirs = os.NewFile(uintptr(pair[1]), "helper")
	ours, err = newConn(pair[0])
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

// NewSocketPair returns two connected descriptors, of which others make the ends of a
// connection.
func NewSocketPair() (a, b *os.File, err error) {
	pair, err := socketpair()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return os.NewFile(uintptr(pair[0]), "mirror"), os.NewFile(uintptr(pair[1]), "reaper"), nil
}

// FromFD returns the end of a connection that a descriptor is, which it takes over.
func FromFD(fd int) (*Conn, error) { return newConn(fd) }

func newConn(fd int) (*Conn, error) {
	// Only what does not block goes to the runtime's poller.
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	file := os.NewFile(uintptr(fd), "owner")
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, err
	}
	return &Conn{file: file, raw: raw}, nil
}

// Close closes this end. The other end's Receive returns io.EOF when it has got all that
// was sent.
func (c *Conn) Close() error {
	err := c.file.Close()
	c.receiving.Lock()
	defer c.receiving.Unlock()
	CloseFiles(c.files)
	c.files = nil
	return err
}

// PeerIsThere reports whether the other end is open.
func (c *Conn) PeerIsThere() bool {
	there := false
	err := c.raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd)}}
		_, err := unix.Poll(fds, 0)
		there = err == nil && fds[0].Revents&(unix.POLLHUP|unix.POLLERR) == 0
	})
	return err == nil && there
}

func (c *Conn) setDeadline(t time.Time) { _ = c.file.SetDeadline(t) }

// Send sends a message with descriptors, which remain the caller's. If the other end is
// closed, the error wraps unix.EPIPE.
func (c *Conn) Send(message []byte, files ...int) error {
	if len(files) > MaxFiles {
		return fmt.Errorf("%d descriptors, at most %d can be handed on: %w", len(files), MaxFiles, os.ErrInvalid)
	}
	data := make([]byte, headerSize, headerSize+len(message))
	binary.NativeEndian.PutUint32(data, uint32(len(message)))
	binary.NativeEndian.PutUint32(data[4:], uint32(len(files)))
	data = append(data, message...)
	var rights []byte
	if len(files) > 0 {
		rights = unix.UnixRights(files...)
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	var err error
	waitErr := c.raw.Write(func(fd uintptr) bool {
		for len(data) > 0 {
			var n int
			n, err = unix.SendmsgN(int(fd), data, rights, nil, unix.MSG_NOSIGNAL)
			switch {
			case errors.Is(err, unix.EINTR):
				continue
			case errors.Is(err, unix.EAGAIN):
				return false
			case err != nil:
				return true
			}
			data, rights = data[n:], nil // the descriptors go with the first byte
		}
		return true
	})
	return errors.Join(waitErr, os.NewSyscallError("sendmsg", err))
}

// Receive waits for a message. The descriptors in files are the caller's to close. It
// returns io.EOF when the other end is closed, and there is no message any more.
func (c *Conn) Receive() (message []byte, files []int, err error) {
	err = c.Await(func() (err error) {
		message, files, err = c.TryReceive()
		return err
	})
	return message, files, err
}

// Await calls try, and again whenever something has come, until it returns something else
// than unix.EAGAIN.
func (c *Conn) Await(try func() error) error {
	var err error
	waitErr := c.raw.Read(func(uintptr) bool {
		err = try()
		return !errors.Is(err, unix.EAGAIN)
	})
	if waitErr != nil {
		return waitErr
	}
	return err
}

// TryReceive is Receive without the wait: if there is no whole message, the error is
// unix.EAGAIN.
func (c *Conn) TryReceive() (message []byte, files []int, err error) {
	c.receiving.Lock()
	defer c.receiving.Unlock()
	for {
		message, files, err = c.cut()
		if message != nil || err != nil {
			return message, files, err
		}
		if err := c.read(); err != nil {
			return nil, nil, err
		}
	}
}

// cut takes a message off what was received, nil if it is not whole. The caller holds
// receiving.
func (c *Conn) cut() (message []byte, files []int, err error) {
	if len(c.data) < headerSize {
		return nil, nil, nil
	}
	size := int(binary.NativeEndian.Uint32(c.data))
	count := int(binary.NativeEndian.Uint32(c.data[4:]))
	if size > maxMessage || count > MaxFiles {
		return nil, nil, fmt.Errorf("a message of %d bytes and %d descriptors: %w", size, count, os.ErrInvalid)
	}
	end := headerSize + size
	if len(c.data) < end {
		return nil, nil, nil
	}
	if len(c.files) < count {
		return nil, nil, errors.New("descriptors that were sent have not come: too many are open")
	}
	message, files = c.data[headerSize:end:end], c.files[:count:count]
	c.data, c.files = c.data[end:], c.files[count:]
	return message, files, nil
}

// read receives what there is. The caller holds receiving.
func (c *Conn) read() error {
	var buf [4096]byte
	oob := make([]byte, unix.CmsgSpace(MaxFiles*4))
	var n, oobn int
	var err error
	ctlErr := c.raw.Control(func(fd uintptr) {
		for {
			n, oobn, _, _, err = unix.Recvmsg(int(fd), buf[:], oob, recvFlags|unix.MSG_DONTWAIT)
			if !errors.Is(err, unix.EINTR) {
				return
			}
		}
	})
	switch {
	case ctlErr != nil:
		return ctlErr
	case errors.Is(err, unix.EAGAIN):
		return unix.EAGAIN
	case errors.Is(err, unix.ECONNRESET):
		return io.EOF // the other end was closed with something unread
	case err != nil:
		return os.NewSyscallError("recvmsg", err)
	case n == 0:
		return io.EOF
	}
	c.data = append(c.data, buf[:n]...)
	c.files = append(c.files, parseRights(oob[:oobn])...)
	return nil
}

// parseRights returns the descriptors in a control message.
func parseRights(oob []byte) []int {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	var files []int
	for _, message := range messages {
		if more, err := unix.ParseUnixRights(&message); err == nil {
			files = append(files, more...)
		}
	}
	for _, fd := range files {
		unix.CloseOnExec(fd) // where recvFlags cannot say so
	}
	return files
}

// CloseFiles closes descriptors.
func CloseFiles(files []int) {
	for _, fd := range files {
		unix.Close(fd)
	}
}
