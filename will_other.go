//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import (
	"errors"
	"os"
)

// newWillFile returns a file without a name.
func newWillFile() (*os.File, error) {
	file, err := os.CreateTemp("", "procgroup-will-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
