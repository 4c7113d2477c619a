//go:build linux || dragonfly || freebsd

// Package reaper is what a helper does that holds commands as their ancestor: it starts
// them, adopts what they leave behind, and kills it all when it is told to, or when its
// owner is dead. The kernel makes sure that nobody gets away: whoever loses its parent
// below the helper becomes a child of the helper (PR_SET_CHILD_SUBREAPER in prctl(2),
// PROC_REAP_ACQUIRE in procctl(2)), and when wait4(2) says ECHILD nobody is left.
//
// A command is the child of the helper and not of the owner, who has to wait for it all the
// same. So it gets a stand-in that is its child, the mirror: that passes on the signals it
// gets, and ends as the command has.
package reaper

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/procgroup/procgroup/internal/helper"
)

// Order is what the owner tells a reaper.
type Order struct {
	Op    Op
	ID    uint64 // of the report about it
	PID   int    `json:",omitempty"`
	Start *Spec  `json:",omitempty"`
}

// Op is an operation of a reaper.
type Op string

// The operations.
const (
	// Start starts a command. With the order come the directory that the owner is in, the
	// reaper's end of a connection to the mirror, then, if the command has one, its cgroup,
	// and, unless the mirror has them, its files.
	Start Op = "start"

	// Kill kills everybody, those too that starts under way add. The answer comes when it
	// has begun; nobody escapes from then on.
	Kill Op = "kill"

	// IsUnreaped asks whether the command with this PID was not reaped yet. ESRCH says no.
	IsUnreaped Op = "is unreaped"

	// Usage asks for what was used until now.
	Usage Op = "usage"

	// Release lets everybody live on. The reaper ends when the commands have.
	Release Op = "release"
)

// Spec is a command. Texts may hold any bytes, which those in JSON may not.
type Spec struct {
	Path, Dir []byte
	Args, Env []string `json:"-"` // they follow the rest, packed
	ArgCount  int
	Umask     int                  // -1: that of the reaper
	Attr      *syscall.SysProcAttr `json:",omitempty"`
	Chroot    []byte               `json:",omitempty"` // of Attr, in which it is a text

	// Files are the descriptors that the command has: those that come with the order, or
	// from the mirror, have these numbers. The others below the highest are closed, but
	// for those of 0, 1 and 2 that are named in Null.
	Files []int
	Null  []int

	FilesFromMirror bool
}

// Report is what a reaper tells the owner: an answer, or, with an ID of 0, that nobody is
// left.
type Report struct {
	ID    uint64
	PID   int           // of a command that was started
	Errno syscall.Errno // 0 if it could be done

	// Starts is how many starts there were when nobody was left.
	Starts uint64

	// What those have used whom the reaper has waited for, and whom they have waited for:
	// CPU time, and bytes from and to block devices (getrusage(2)).
	User, System time.Duration `json:",omitempty"`
	Read, Write  int64         `json:",omitempty"`
}

// mirrorMessage is what a reaper and a mirror tell each other.
type mirrorMessage struct {
	kind  mirrorKind
	value uint32
}

type mirrorKind uint32

const (
	exited   mirrorKind = 1 // the command has exited with this status
	signaled mirrorKind = 2 // it was ended by this signal; from a mirror: it is to get this signal
	files    mirrorKind = 3 // from a mirror, with its number: the descriptors are the command's
)

const mirrorSize = 8

func (m mirrorMessage) send(c *helper.Conn, files ...int) error {
	var data [mirrorSize]byte
	binary.NativeEndian.PutUint32(data[:], uint32(m.kind))
	binary.NativeEndian.PutUint32(data[4:], m.value)
	return c.Send(data[:], files...)
}

func receiveMirror(c *helper.Conn) (m mirrorMessage, files []int, err error) {
	return parseMirror(c.Receive())
}

func tryReceiveMirror(c *helper.Conn) (m mirrorMessage, files []int, err error) {
	return parseMirror(c.TryReceive())
}

func parseMirror(data []byte, files []int, err error) (m mirrorMessage, _ []int, _ error) {
	if err != nil {
		return m, nil, err
	}
	if len(data) != mirrorSize {
		helper.CloseFiles(files)
		return m, nil, fmt.Errorf("a message of %d bytes from a mirror: %w", len(data), os.ErrInvalid)
	}
	m.kind = mirrorKind(binary.NativeEndian.Uint32(data))
	m.value = binary.NativeEndian.Uint32(data[4:])
	return m, files, nil
}

// Send sends an order to a reaper. What comes with it stands behind a null byte: the
// arguments and the environment of a command, with a null byte behind each.
func (o Order) Send(c *helper.Conn, files ...int) error {
	if o.Start != nil {
		o.Start.ArgCount = len(o.Start.Args)
		if o.Start.Attr != nil {
			o.Start.Chroot = []byte(o.Start.Attr.Chroot)
		}
	}
	message, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if o.Start != nil {
		for _, list := range [][]string{o.Start.Args, o.Start.Env} {
			for _, text := range list {
				if strings.IndexByte(text, 0) >= 0 {
					return syscall.EINVAL // as execve(2) could not be given it
				}
				message = append(append(message, 0), text...)
			}
		}
	}
	return c.Send(message, files...)
}

// parseOrder reads what Send sends.
func parseOrder(message []byte) (o Order, err error) {
	parts := bytes.Split(message, []byte{0})
	if err := json.Unmarshal(parts[0], &o); err != nil {
		return o, err
	}
	if o.Start == nil {
		return o, nil
	}
	texts := make([]string, len(parts)-1)
	for i, part := range parts[1:] {
		texts[i] = string(part)
	}
	if o.Start.ArgCount < 0 || o.Start.ArgCount > len(texts) {
		return o, fmt.Errorf("%d arguments among %d: %w", o.Start.ArgCount, len(texts), os.ErrInvalid)
	}
	o.Start.Args, o.Start.Env = texts[:o.Start.ArgCount], texts[o.Start.ArgCount:]
	if o.Start.Attr != nil {
		o.Start.Attr.Chroot = string(o.Start.Chroot)
	}
	return o, nil
}
