//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/cgroup2"
)

// markName is the variable by which this program knows what it has started, and what
// that has started.
const markName = "PROCGROUP_BENCH"

func mark() string { return strconv.Itoa(os.Getpid()) }

// markChildren marks everything that is started from now on.
func markChildren() error { return os.Setenv(markName, mark()) }

// checkNothingLeft returns an error if a process or a cgroup of this program is there.
// Such processes are killed.
func checkNothingLeft() error {
	var left []string
	// Processes that were killed need a moment.
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		processes, err := markedProcesses()
		if err != nil {
			return err
		}
		directories, err := leftDirectories()
		if err != nil {
			return err
		}
		left = append(processes, directories...)
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			break
		}
	}
	return errors.Join(fmt.Errorf("left behind: %.1000s", strings.Join(left, ", ")), killMarked())
}

// markedProcesses names the processes that have the mark, zombies apart.
func markedProcesses() ([]string, error) {
	var found []string
	err := eachMarked(func(pid int) { found = append(found, "process "+strconv.Itoa(pid)) })
	return found, err
}

func eachMarked(do func(pid int)) error {
	paths, err := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range paths {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && isMarked(pid) {
			do(pid)
		}
	}
	return err
}

func isMarked(pid int) bool {
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return false
	}
	return bytes.Contains(environ, []byte(markName+"="+mark()+"\x00"))
}

// killMarked kills the processes that have the mark.
func killMarked() error {
	return eachMarked(func(pid int) {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			return
		}
		defer unix.Close(fd)
		if isMarked(pid) { // and was so when the pidfd was opened, if it is there still
			_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		}
	})
}

// leftDirectories lists the cgroups that this program, or procgroup in it, has made.
func leftDirectories() ([]string, error) {
	parent, err := cgroup2.Own()
	if err != nil {
		return nil, nil //nolint:nilerr // without cgroups there are none left
	}
	var found []string
	for _, prefix := range []string{barePrefix(), fmt.Sprintf("procgroup-%d-", os.Getpid())} {
		dirs, err := filepath.Glob(filepath.Join(parent.Path, prefix) + "*")
		if err != nil {
			return nil, err
		}
		found = append(found, dirs...)
	}
	return found, nil
}
