//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cgroupRoot is where version 2 cgroups are mounted.
const cgroupRoot = "/sys/fs/cgroup"

// leftLimit is how long what a run has killed may take to be gone.
const leftLimit = 20 * time.Second

// awaitExit waits for one child, and reaps the orphans that end before it. It returns
// the status as a shell does.
func awaitExit(pid int) (status int, err error) {
	for {
		var ws syscall.WaitStatus
		got, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR), err == nil && got != pid:
			continue
		case err != nil:
			return 0, os.NewSyscallError("wait4", err)
		case ws.Signaled():
			return 128 + int(ws.Signal()), nil
		}
		return ws.ExitStatus(), nil
	}
}

// nobodyLeft reaps until there is nobody left to reap: orphans are the children of this
// process, so ECHILD is the kernel's word that all of them are gone. Those that stay are
// killed, and make an error.
func nobodyLeft() error {
	var left error
	for deadline := time.Now().Add(leftLimit); ; {
		got, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.ECHILD):
			return left
		case errors.Is(err, syscall.EINTR), got > 0:
			continue
		case err != nil:
			return os.NewSyscallError("wait4", err)
		}
		if time.Now().After(deadline) {
			found := killChildren()
			if left == nil {
				left = fmt.Errorf("left behind: %s", strings.Join(found, "; "))
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// killChildren kills the children of this process, and returns their command lines.
// Their own children are this process's afterwards. Nobody else reaps them, so their
// numbers mean them.
func killChildren() []string {
	files, _ := filepath.Glob("/proc/self/task/*/children")
	var lines []string
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for _, number := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(number)
			if err != nil {
				continue
			}
			line, _ := os.ReadFile("/proc/" + number + "/cmdline")
			lines = append(lines, number+" "+strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " ")))
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return lines
}

// noCgroupLeft looks for cgroups below the run's own, and for those that bear the
// library's name anywhere.
func (r run) noCgroupLeft() error {
	var errs []error
	err := filepath.WalkDir(cgroupRoot, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		inside := r.cgroup != cgroupRoot && strings.HasPrefix(path, r.cgroup+"/")
		if inside || strings.HasPrefix(entry.Name(), "procgroup-") {
			errs = append(errs, fmt.Errorf("left behind: the cgroup %s", path))
			return fs.SkipDir
		}
		return nil
	})
	return errors.Join(append(errs, err)...)
}
