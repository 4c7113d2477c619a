package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// lockLimit bounds the wait for a lock. Nobody holds one for long, but for that of a run.
const lockLimit = 5 * time.Second

// lockName is the lock of the directory. Who makes or forgets entries holds it.
const lockName = "lock"

// lockSuffix is what the name of the lock of an entry ends with.
const lockSuffix = ".lock"

// lock takes the lock of the directory.
func (r *Registry) lock() (release func(), err error) {
	f, err := r.create(lockName, 0)
	if err != nil {
		return nil, err
	}
	if err := lockWithin(f, lockLimit); err != nil {
		f.Close()
		return nil, err
	}
	return func() { unlock(f) }, nil
}

// lockWithin takes the exclusive lock of a file. It does not block in the kernel, from where it
// could not come back.
func lockWithin(f *os.File, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		locked, err := tryLock(f, true)
		if locked || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("another process has held the lock %s for %v: %w", f.Name(), limit, os.ErrDeadlineExceeded)
		}
		time.Sleep(pause)
	}
}

// unlock gives a lock up and closes its file. Closing alone would not do for a child that is
// being started: it has the file as well until it is a program of its own.
func unlock(f *os.File) {
	_ = releaseLock(f)
	f.Close()
}

// isHeld reports whether the process that made an entry is there. Those who ask share the lock,
// so they do not see each other.
func (r *Registry) isHeld(id string) (bool, error) {
	f, err := r.openOwn(id+lockSuffix, os.O_RDONLY)
	if err != nil {
		return false, err
	}
	defer f.Close()
	locked, err := tryLock(f, false)
	if locked {
		return false, releaseLock(f)
	}
	return err == nil, err
}

// create opens a file for writing, which it makes if need be, with mode 0600 whatever the umask.
func (r *Registry) create(name string, flags int) (*os.File, error) {
	f, err := r.openOwn(name, os.O_RDWR|flags)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	f, err = r.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) { // somebody was faster
		return r.openOwn(name, os.O_RDWR|flags)
	}
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(0o600); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// openOwn opens a file that has to be a regular one of this process's user. It does not wait for
// anybody, whatever the file is.
func (r *Registry) openOwn(name string, flags int) (*os.File, error) {
	for tries := 1; ; tries++ {
		f, err := r.root.OpenFile(name, flags|openFlags, 0)
		if err != nil {
			return nil, err
		}
		err = r.checkFile(name, f)
		if err == nil {
			return f, nil
		}
		f.Close()
		if !errors.Is(err, errReplaced) || tries == mostReplaced {
			return nil, err
		}
	}
}

// errReplaced is the error for a file that is not the one which has the name any more: a record
// that was just written anew, or what a symbolic link leads to.
var errReplaced = fmt.Errorf("it was replaced: %w", os.ErrPermission)

// mostReplaced is how often a file may be replaced while it is opened. A run that writes its record
// all the time cannot do it so often in a row.
const mostReplaced = 100

func (r *Registry) checkFile(name string, f *os.File) error {
	entry, err := r.root.Lstat(name)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	switch {
	case !entry.Mode().IsRegular() || !isOurs(info):
		return fmt.Errorf("%s is no file of this user: %w", f.Name(), os.ErrPermission)
	case !os.SameFile(entry, info):
		return fmt.Errorf("%s: %w", f.Name(), errReplaced)
	}
	return nil
}
