//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/cgroup2"
)

// bareCgroup is a cgroup made by hand, with nothing but the kernel calls.
type bareCgroup struct {
	dir    string
	events int // descriptor of cgroup.events
}

var bareCount atomic.Int64

// barePrefix begins the names of the cgroups that this program makes by hand.
func barePrefix() string { return "procgroup-bench-" + strconv.Itoa(os.Getpid()) + "-" }

// ownCgroup is found once: looking for it is no part of what is measured.
var ownCgroup = sync.OnceValues(cgroup2.Own)

func newBareCgroup() (*bareCgroup, error) {
	parent, err := ownCgroup()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(parent.Path, barePrefix()+strconv.FormatInt(bareCount.Add(1), 10))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	return &bareCgroup{dir: dir, events: -1}, nil
}

// watchEvents opens cgroup.events.
func (c *bareCgroup) watchEvents() error {
	var err error
	c.events, err = unix.Open(filepath.Join(c.dir, "cgroup.events"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	return err
}

// start starts cmd in the cgroup.
func (c *bareCgroup) start(cmd *exec.Cmd) error {
	dir, err := os.Open(c.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
	return cmd.Start()
}

func (c *bareCgroup) write(file, value string) error {
	path := filepath.Join(c.dir, file)
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(value))
	return err
}

// kill kills all and returns when nobody is left.
func (c *bareCgroup) kill() error {
	if err := c.write("cgroup.kill", "1"); err != nil {
		return err
	}
	return c.await("populated 0\n")
}

// freeze returns when nobody runs.
func (c *bareCgroup) freeze() error {
	if err := c.write("cgroup.freeze", "1"); err != nil {
		return err
	}
	return c.await("frozen 1\n")
}

func (c *bareCgroup) thaw() error { return c.write("cgroup.freeze", "0") }

// eventLimit bounds the wait for the kernel to say something.
const eventLimit = 10 * time.Second

// await returns when cgroup.events has the line.
func (c *bareCgroup) await(line string) error {
	for deadline := time.Now().Add(eventLimit); ; {
		var buf [128]byte
		n, err := unix.Pread(c.events, buf[:], 0)
		if err != nil {
			return os.NewSyscallError("pread", err)
		}
		if bytes.Contains(buf[:n], []byte(line)) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("cgroup.events does not say %q after %v", line, eventLimit)
		}
		_, err = unix.Poll([]unix.PollFd{{Fd: int32(c.events), Events: unix.POLLPRI}}, int(eventLimit.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("poll", err)
		}
	}
}

// close kills what is left and removes the cgroup.
func (c *bareCgroup) close() error {
	err := c.kill()
	unix.Close(c.events)
	return errors.Join(err, cgroup2.Dir{Path: c.dir}.Remove(eventLimit))
}
