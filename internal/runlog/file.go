package runlog

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

var errNotRegular = errors.New("not a regular file")

// fileName returns the name of the file that is i rotations old.
func fileName(path string, i int) string {
	if i == 0 {
		return path
	}
	return path + "." + strconv.Itoa(i)
}

// openFile opens a log file, which is neither a link nor something that blocks. A root is what
// makes a file on Windows that may be renamed and removed while it is open.
func openFile(path string, flag int) (*os.File, error) {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	name := filepath.Base(path)
	if flag&os.O_CREATE != 0 {
		file, err := root.OpenFile(name, flag|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return file, err
		}
	}
	info, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	return root.OpenFile(name, flag&^os.O_CREATE, 0o600)
}

// rotateFiles renames the files, so that there is none called path. The oldest of so many is
// removed.
func rotateFiles(path string, files int) error {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer root.Close()
	base := filepath.Base(path)
	// Not every Windows renames a file to the name of one that somebody reads.
	err = root.Remove(fileName(base, files-1))
	for i := files - 1; i > 0 && (err == nil || errors.Is(err, fs.ErrNotExist)); i-- {
		err = root.Rename(fileName(base, i-1), fileName(base, i))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
