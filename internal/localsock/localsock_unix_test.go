//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package localsock

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// newPath returns the path of a socket that is not there yet.
func newPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sock") // t.TempDir may be too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return Path(dir, "0123456789ab")
}

// TestMode is not parallel: the umask is that of the process.
func TestMode(t *testing.T) {
	for _, umask := range []int{0, 0o77, 0o777} {
		path := newPath(t)
		old := unix.Umask(umask)
		l, err := Listen(path)
		unix.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != os.ModeSocket|0o600 {
			t.Errorf("umask %03o: %v, %v", umask, info.Mode(), err)
		}
		l.Close()
	}
}

func TestPathTooLong(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	fits := path + strings.Repeat("x", maxPath-len(path))
	l, err := Listen(fits)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := Listen(fits + "x"); !errors.Is(err, os.ErrInvalid) || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("Listen: %v", err)
	}
	if _, err := Dial(t.Context(), fits+"x"); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("Dial: %v", err)
	}
}
