package cli

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// scarcities are the errors of a start for which the command is not to blame.
var scarcities = []error{
	syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, syscall.EBADF, syscall.ENOSYS,
}

// startFailed returns the error, with its status, for a command that was not started.
func startFailed(cmd *exec.Cmd, err error) error {
	var path *fs.PathError // of the execve
	switch {
	case cmd.Err != nil && !errors.Is(cmd.Err, fs.ErrPermission):
		return &exitError{statusNotFound, cmd.Err}
	case cmd.Err != nil:
		return &exitError{statusCannotRun, cmd.Err}
	case !errors.As(err, &path):
		return failed(err)
	}
	for _, scarcity := range scarcities {
		if errors.Is(err, scarcity) {
			return failed(err)
		}
	}
	if errors.Is(err, fs.ErrNotExist) && !exists(cmd) {
		return &exitError{statusNotFound, err}
	}
	return &exitError{statusCannotRun, err}
}

// exists reports whether the command's file is there. Execve gives ENOENT for a script
// too that is there, but its interpreter is not.
func exists(cmd *exec.Cmd) bool {
	name := cmd.Path
	if !filepath.IsAbs(name) {
		name = filepath.Join(cmd.Dir, name)
	}
	_, err := os.Stat(name)
	return err == nil
}
