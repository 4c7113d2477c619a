//go:build dragonfly || freebsd || (linux && !amd64 && !arm64)

package reaper

import "syscall"

// CanCloneMirror says that there is no CloneMirror here: os/exec starts the mirrors.
const CanCloneMirror = false

// CloneMirror makes a mirror that is a child of this process's parent, where it can.
func CloneMirror(int) (pid int, err error) { return 0, syscall.ENOSYS }
