//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd || windows)

package registry

import (
	"errors"
	"io/fs"
	"os"
)

// Dir returns [errors.ErrUnsupported]: there are no locks that tell who is alive.
func Dir() (string, error) { return "", errors.ErrUnsupported }

func checkParent(string) error { return errors.ErrUnsupported }

func checkDir(string, fs.FileInfo) error { return errors.ErrUnsupported }

func isOurs(fs.FileInfo) bool { return false }

const openFlags = 0

func isInUse(error) bool { return false }

func tryLock(*os.File, bool) (bool, error) { return false, errors.ErrUnsupported }

func releaseLock(*os.File) error { return errors.ErrUnsupported }
