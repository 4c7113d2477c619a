package cgroup2

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Child returns the cgroup of this name below d, which need not be there.
func (d Dir) Child(name string) Dir {
	return Dir{filepath.Join(d.Path, name), filepath.Join(d.Name, name)}
}

// Make makes the cgroup.
func (d Dir) Make() error { return os.Mkdir(d.Path, 0o755) }

// Open returns a descriptor of the directory, for CLONE_INTO_CGROUP (clone(2)).
func (d Dir) Open() (fd int, err error) {
	fd, err = unix.Open(d.Path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: d.Path, Err: err}
	}
	return fd, nil
}

// Add moves a process into the cgroup. What it has started stays where it is.
func (d Dir) Add(pid int) error { return d.write("cgroup.procs", strconv.Itoa(pid)) }

// Kill kills every process in the cgroup and below it, and those that are being
// forked (cgroup.kill, Linux 5.14).
//
// The cgroup must not be used again: on 6.12 and 6.18 every process that is cloned
// into it afterwards is killed at its birth.
func (d Dir) Kill() error { return d.write("cgroup.kill", "1") }

// Freeze begins to freeze the cgroup and all below it, or to thaw it. It is frozen
// when Events says so.
func (d Dir) Freeze(frozen bool) error {
	value := "0"
	if frozen {
		value = "1"
	}
	return d.write("cgroup.freeze", value)
}

// Has reports whether the cgroup has a file of this name, that is, whether the
// kernel or a controller offers what the file is for.
func (d Dir) Has(file string) bool {
	return unix.Access(filepath.Join(d.Path, file), unix.F_OK) == nil
}

// Events reads cgroup.events.
func (d Dir) Events() (Events, error) {
	data, err := d.Read("cgroup.events")
	if err != nil {
		return Events{}, err
	}
	return ParseEvents(data)
}

// Processes lists the processes in the cgroup and below it, zombies apart. nested
// says that there are cgroups below it.
//
// Processes that are there from the beginning of the call to its end are in the
// list, unless they are moved from one of the cgroups to another meanwhile.
func (d Dir) Processes() (pids []int, nested bool, err error) {
	err = filepath.WalkDir(d.Path, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile, so nobody was in it
		}
		if err != nil || !entry.IsDir() {
			return err
		}
		nested = nested || path != d.Path
		own, err := (Dir{Path: path}).own()
		pids = append(pids, own...)
		return err
	})
	return pids, nested, err
}

// own lists the processes that are in the cgroup itself.
func (d Dir) own() ([]int, error) {
	data, err := d.Read("cgroup.procs")
	switch {
	case errors.Is(err, unix.EOPNOTSUPP):
		// A threaded cgroup: its processes are listed in the domain above it.
		return nil, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENODEV):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return ParsePIDs(data)
}

// Sample returns the number of one process in the cgroup itself, 0 if there is none
// or it cannot be told. It costs the same however many there are.
func (d Dir) Sample() int {
	fd, err := unix.Open(filepath.Join(d.Path, "cgroup.procs"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	var buf [16]byte
	n, err := unix.Read(fd, buf[:])
	if err != nil {
		return 0
	}
	line, _, ok := bytes.Cut(buf[:n], []byte("\n"))
	pid, err := strconv.Atoi(string(line))
	if !ok || err != nil {
		return 0
	}
	return pid
}

// Usage is what the processes of a cgroup have used and use, those that have exited
// included. A negative figure is one for which no controller is enabled.
type Usage struct {
	User, System          time.Duration
	ReadBytes, WriteBytes int64
	Memory, MemoryPeak    int64 // bytes
	Threads               int64
}

// Usage reads the figures of the cgroup, at a cost that does not depend on how many
// processes there are.
func (d Dir) Usage() (Usage, error) {
	data, err := d.Read("cpu.stat")
	if err != nil {
		return Usage{}, err
	}
	cpu, err := parseCounts(data)
	if err != nil {
		return Usage{}, err
	}
	u := Usage{
		User:       time.Duration(cpu["user_usec"]) * time.Microsecond,
		System:     time.Duration(cpu["system_usec"]) * time.Microsecond,
		ReadBytes:  -1,
		WriteBytes: -1,
		Memory:     d.figure("memory.current"),
		MemoryPeak: d.figure("memory.peak"),
		Threads:    d.figure("pids.current"),
	}
	if data, err := d.Read("io.stat"); err == nil {
		u.ReadBytes, u.WriteBytes = ParseIO(data)
	}
	return u, nil
}

// figure reads a file that holds one number, -1 if there is none.
func (d Dir) figure(file string) int64 {
	data, err := d.Read(file)
	if err != nil {
		return -1
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// Remove removes the cgroup and all below it. They must be empty; one whose last
// processes are still on their way out is waited for, up to the time limit.
func (d Dir) Remove(limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for pause := 50 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		err := d.removeNow()
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(pause)
	}
}

// removeNow tries to remove the cgroup, and if there are some below it, those first.
func (d Dir) removeNow() error {
	err := rmdir(d.Path)
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	var below []string
	err = filepath.WalkDir(d.Path, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			below = append(below, path)
		}
		return nil // what cannot be read shows when it cannot be removed
	})
	for _, path := range slices.Backward(below) {
		err = rmdir(path)
		if err != nil {
			return err
		}
	}
	return err
}

// rmdir removes a directory; one that is gone is success.
func rmdir(path string) error {
	err := unix.Rmdir(path)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return &fs.PathError{Op: "rmdir", Path: path, Err: err}
	}
	return nil
}

// Read returns the contents of a file of the cgroup. It does with three system calls
// what os.ReadFile needs six for.
func (d Dir) Read(file string) ([]byte, error) {
	path := filepath.Join(d.Path, file)
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	data, err := readAll(fd)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return data, nil
}

func readAll(fd int) ([]byte, error) {
	// Files of the kernel come in pieces of a page at most, also where more follows.
	buf := make([]byte, 0, 512)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, make([]byte, max(4096, len(buf)))...)[:len(buf)]
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return buf, nil
		}
		buf = buf[:len(buf)+n]
	}
}

// write writes a value to a file of the cgroup. It never creates a file.
func (d Dir) write(file, value string) error {
	path := filepath.Join(d.Path, file)
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	for {
		_, err = unix.Write(fd, []byte(value))
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}

// OfProcess returns the name of the version 2 cgroup that a process is in. The error
// for one that is gone wraps fs.ErrNotExist or unix.ESRCH.
func OfProcess(pid int) (string, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return "", err
	}
	defer f.Close()
	return parseMembership(f)
}
