package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// Dir returns where the directory of this process's user is, or would be:
// %LOCALAPPDATA%\procgroup. Nothing is made.
func Dir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "procgroup"), nil
}

// checkParent takes the user's profile for what it is: by its access list, only the user and
// administrators can enter it.
func checkParent(string) error { return nil }

// checkDir reports whether path is a directory. info is of path itself, not of where it leads.
func checkDir(path string, info fs.FileInfo) error {
	if !info.IsDir() {
		return fmt.Errorf("%s is no directory (remove it): %w", path, os.ErrPermission)
	}
	return nil
}

func isOurs(fs.FileInfo) bool { return true }

const openFlags = 0

// isInUse reports whether an error says that somebody has a file open, or has just removed it
// and it is not quite gone.
func isInUse(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED) ||
		errors.Is(err, windows.ERROR_DIR_NOT_EMPTY)
}
