//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package helper

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
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
//
// A goroutine that waits for a message does so in a system call and not by the runtime's
// poller: an answer comes within microseconds, and the poller would take a hundred to see
// it in a program that is idle.
type Conn struct {
	using sync.RWMutex // held for reading by who uses fd
	fd    int          // -1 when closed

	sending sync.Mutex

	receiving sync.Mutex // taken before using
	data      []byte     // received, of one message that is not whole yet
	files     []int      // that have come with it
}

// NewPair returns the two ends of a connection, theirs to be handed to a helper.
func NewPair() (ours *Conn, theirs *os.File, err error) {
	a, b, err := NewSocketPair()
	if err != nil {
		return nil, nil, err
	}
	defer a.Close()
	fd, err := unix.FcntlInt(a.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		b.Close()
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return NewConn(fd), b, nil
}

// NewSocketPair returns two connected descriptors, of which others make the ends of a
// connection.
func NewSocketPair() (a, b *os.File, err error) {
	pair, err := socketpair()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return os.NewFile(uintptr(pair[0]), "socket"), os.NewFile(uintptr(pair[1]), "socket"), nil
}

// NewConn returns the end of a connection that a descriptor is, which it takes over.
func NewConn(fd int) *Conn { return &Conn{fd: fd} }

// use calls f with the descriptor, which is not closed meanwhile.
func (c *Conn) use(f func(fd int) error) error {
	c.using.RLock()
	defer c.using.RUnlock()
	if c.fd < 0 {
		return os.ErrClosed
	}
	return f(c.fd)
}

// FD calls f with the descriptor, which stays open meanwhile.
func (c *Conn) FD(f func(fd int) error) error { return c.use(f) }

// Close closes this end. The other end's Receive returns io.EOF when it has got all that
// was sent.
func (c *Conn) Close() {
	_ = c.use(func(fd int) error { return unix.Shutdown(fd, unix.SHUT_RDWR) }) // wakes who waits
	c.receiving.Lock()
	defer c.receiving.Unlock()
	c.using.Lock()
	defer c.using.Unlock()
	if c.fd < 0 {
		return
	}
	unix.Close(c.fd)
	c.fd = -1
	CloseFiles(c.files)
	c.data, c.files = nil, nil
}

// PeerIsThere reports whether the other end is open.
func (c *Conn) PeerIsThere() bool {
	fds := []unix.PollFd{{}}
	err := c.use(func(fd int) error {
		fds[0].Fd = int32(fd)
		for {
			if _, err := unix.Poll(fds, 0); !errors.Is(err, unix.EINTR) {
				return err
			}
		}
	})
	return err == nil && fds[0].Revents&(unix.POLLHUP|unix.POLLERR) == 0
}

// Send sends a message with descriptors, which remain the caller's. If the other end is
// closed, the error wraps unix.EPIPE.
func (c *Conn) Send(message []byte, files ...int) error {
	if len(message) > maxMessage {
		return fmt.Errorf("a message of %d bytes, at most %d can be sent: %w", len(message), maxMessage, os.ErrInvalid)
	}
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
	return c.use(func(fd int) error {
		for len(data) > 0 {
			n, err := unix.SendmsgN(fd, data, rights, nil, unix.MSG_NOSIGNAL)
			switch {
			case errors.Is(err, unix.EINTR):
				continue
			case errors.Is(err, unix.ECONNRESET):
				err = unix.EPIPE // the other end was closed with something unread
			}
			if err != nil {
				return os.NewSyscallError("sendmsg", err)
			}
			data, rights = data[n:], nil // the descriptors go with the first byte
		}
		return nil
	})
}

// Receive waits for a message. The descriptors in files are the caller's to close. It
// returns io.EOF when the other end is closed, and there is no message any more.
func (c *Conn) Receive() (message []byte, files []int, err error) {
	for {
		message, files, err = c.TryReceive()
		if !errors.Is(err, unix.EAGAIN) {
			return message, files, err
		}
		if err := c.Await(-1); err != nil {
			return nil, nil, err
		}
	}
}

// Await waits until something has come, or the other end was closed. A limit that is not
// negative bounds the wait; the error is os.ErrDeadlineExceeded then.
func (c *Conn) Await(limit time.Duration) error {
	timeout, deadline := -1, time.Now().Add(limit)
	if limit >= 0 {
		timeout = int(limit.Milliseconds())
	}
	return c.use(func(fd int) error {
		for {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, timeout)
			switch {
			case errors.Is(err, unix.EINTR):
				if limit >= 0 {
					timeout = max(0, int(time.Until(deadline).Milliseconds()))
				}
				continue
			case err != nil:
				return os.NewSyscallError("poll", err)
			case n == 0:
				return os.ErrDeadlineExceeded
			}
			return nil
		}
	})
}

// TryReceive is Receive without the wait: if there is no whole message, the error is
// unix.EAGAIN.
func (c *Conn) TryReceive() (message []byte, files []int, err error) {
	c.receiving.Lock()
	defer c.receiving.Unlock()
	for {
		missing, err := c.missing()
		if err != nil {
			return nil, nil, err
		}
		if missing == 0 {
			message, files = c.data[headerSize:], c.files
			c.data, c.files = nil, nil
			return message, files, nil
		}
		err = c.use(func(fd int) error { return c.read(fd, missing) })
		if err != nil {
			return nil, nil, err
		}
	}
}

// missing returns how many bytes the message lacks, or its header. The caller holds
// receiving.
func (c *Conn) missing() (int, error) {
	if len(c.data) < headerSize {
		return headerSize - len(c.data), nil
	}
	size := binary.NativeEndian.Uint32(c.data)
	count := binary.NativeEndian.Uint32(c.data[4:])
	if size > maxMessage || count > MaxFiles { // before they are ints, which may have 32 bits
		return 0, fmt.Errorf("a message of %d bytes and %d descriptors: %w", size, count, os.ErrInvalid)
	}
	if len(c.files) != int(count) {
		return 0, fmt.Errorf("%d descriptors have come of %d: too many may be open", len(c.files), count)
	}
	return headerSize + int(size) - len(c.data), nil
}

// read receives at most so many bytes. It leaves the next message where it is, so that all
// who wait see that it is there. The caller holds receiving.
func (c *Conn) read(fd, most int) error {
	var buf [4096]byte
	var oob []byte
	if len(c.data) == 0 { // descriptors come with the first byte; the kernel closes others
		oob = make([]byte, unix.CmsgSpace(MaxFiles*4))
	}
	n, oobn, _, _, err := unix.Recvmsg(fd, buf[:min(most, len(buf))], oob, recvFlags|unix.MSG_DONTWAIT)
	switch {
	case errors.Is(err, unix.EINTR):
		return nil
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
