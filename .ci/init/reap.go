//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// reap runs a command as the subreaper of all that it starts (prctl(2)), and returns its
// exit status, or 1 if something is left behind. The tests make orphans faster than the
// first process of some machines reaps them, until there are no process numbers left.
func reap(args []string) int {
	status, err := runAndReap(args)
	if err == nil {
		err = nobodyLeft()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "init:", err)
		return max(status, 1)
	}
	return status
}

func runAndReap(args []string) (status int, err error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("become a subreaper: %w", err)
	}
	// What ends the command's process group must not end this before it has cleared up.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)
	path, err := exec.LookPath(args[0])
	if err != nil {
		return 0, err
	}
	pid, err := syscall.ForkExec(path, args, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{0, 1, 2},
	})
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", path, err)
	}
	return awaitExit(pid)
}
