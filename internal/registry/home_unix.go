//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Dir returns where the directory of this process's user is, or would be: procgroup in
// $XDG_RUNTIME_DIR if that is set, or else in /run/user/UID if that is there; otherwise
// /tmp/procgroup-UID. On Windows it is %LOCALAPPDATA%\procgroup. Nothing is made.
//
// XDG_RUNTIME_DIR must be an absolute path of a directory of this user.
func Dir() (string, error) {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		if err := checkRuntimeDir(dir); err != nil {
			return "", fmt.Errorf("XDG_RUNTIME_DIR is %s: %w", dir, err)
		}
		return filepath.Join(dir, "procgroup"), nil
	}
	user := strconv.Itoa(os.Geteuid())
	if dir := filepath.Join("/run/user", user); checkRuntimeDir(dir) == nil {
		return filepath.Join(dir, "procgroup"), nil
	}
	return "/tmp/procgroup-" + user, nil
}

func checkRuntimeDir(dir string) error {
	if !filepath.IsAbs(dir) {
		return fmt.Errorf("it must be an absolute path: %w", os.ErrInvalid)
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("it is not there: %w", fs.ErrNotExist)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("it is no directory: %w", os.ErrInvalid)
	case !isOurs(info):
		return fmt.Errorf("it belongs to user %d, and this process to user %d: %w",
			ownerOf(info), os.Geteuid(), os.ErrPermission)
	}
	return nil
}

// checkParent reports whether others can exchange what we make in a directory.
func checkParent(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if owner := ownerOf(info); owner != 0 && owner != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d: %w", dir, owner, os.ErrPermission)
	}
	if info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("others can exchange what is in %s (mode %#o, and not sticky): %w",
			dir, info.Mode().Perm(), os.ErrPermission)
	}
	return nil
}

// checkDir reports whether path is our directory and nobody else's. info is of path itself, not of
// where it leads.
func checkDir(path string, info fs.FileInfo) error {
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is no directory (remove it): %w", path, os.ErrPermission)
	case !isOurs(info):
		return fmt.Errorf("%s belongs to user %d, and this process to user %d: %w",
			path, ownerOf(info), os.Geteuid(), os.ErrPermission)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s can be entered by others (mode %#o; remove it, or take the mode away with chmod 700): %w",
			path, info.Mode().Perm(), os.ErrPermission)
	}
	return nil
}

// isOurs reports whether a file belongs to this process's user.
func isOurs(info fs.FileInfo) bool { return ownerOf(info) == os.Geteuid() }

func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// openFlags keep an open from waiting for somebody at the other end of a FIFO.
const openFlags = syscall.O_NONBLOCK

// isInUse reports whether an error says that somebody has a file open. That keeps nothing from
// happening here.
func isInUse(error) bool { return false }
