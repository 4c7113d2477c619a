package cli

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// startFailed returns the error, with its status, for a command that was not started.
func startFailed(cmd *exec.Cmd, err error) error {
	if cmd.Err != nil {
		err = cmd.Err
	}
	var search *exec.Error  // for the program
	var start *fs.PathError // of it
	switch {
	case errors.As(err, &search):
		return notFound(cmd, err)
	case !errors.As(err, &start):
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

// notFound returns the error for a search that has failed. On Windows there is one for a
// path too, since the file of a program has one of certain extensions.
func notFound(cmd *exec.Cmd, err error) error {
	name := cmd.Args[0]
	switch {
	case errors.Is(err, fs.ErrPermission):
		return &exitError{statusCannotRun, err}
	case filepath.Base(name) != name && exists(cmd):
		return &exitError{statusCannotRun, &exec.Error{Name: name, Err: errNoProgram}}
	}
	return &exitError{statusNotFound, err}
}

var errNoProgram = errors.New("not a program")

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
