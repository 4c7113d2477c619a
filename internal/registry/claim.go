package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/procgroup/procgroup/internal/localsock"
)

// Claim is an entry in the hand of the process that made it. It is live until End, Drop, or the
// end of the process. Its methods may be called from many goroutines at once; those that come
// after End or Drop give [os.ErrClosed].
type Claim struct {
	ID     string // twelve hexadecimal digits, at random
	Dir    string // for the files of the run
	Socket string // what it is to be served on; see package localsock

	registry *Registry

	mu     sync.Mutex
	lock   *os.File // nil when it was given up
	record record
}

// Claim makes an entry for a run. Its name may be "", which any number of runs have. If a run that
// is there has the name, the error wraps [ErrTaken]; the entry of one that is over is removed as by
// Remove. At most 64 entries of runs that are over are kept beside the new one.
func (r *Registry) Claim(name string) (*Claim, error) {
	if name != "" {
		if err := CheckName(name); err != nil {
			return nil, err
		}
	}
	release, err := r.lock()
	if err != nil {
		return nil, err
	}
	defer release()
	list, err := r.tidy()
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		if name == "" || e.Name != name {
			continue
		}
		if e.Status == Live {
			return nil, fmt.Errorf("%w: %s is the run %s of process %d", ErrTaken, name, e.ID, e.PID)
		}
		if err := r.forget(e); err != nil {
			return nil, err
		}
	}
	return r.newClaim(name)
}

// newClaim makes an entry. The caller holds the lock of the directory.
func (r *Registry) newClaim(name string) (*Claim, error) {
	id, lock, err := r.newLock()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(r.path, id)
	c := &Claim{
		ID:       id,
		Dir:      dir,
		Socket:   localsock.Path(dir, id),
		registry: r,
		lock:     lock,
		record: record{
			Version: recordVersion,
			ID:      id,
			Name:    name,
			PID:     os.Getpid(),
			Created: time.Now(),
			BootID:  bootID(),
		},
	}
	err = r.root.Mkdir(id, 0o700)
	if err == nil {
		err = r.root.Chmod(id, 0o700) // the umask may have taken more
	}
	if err == nil {
		err = r.write(c.record)
	}
	if err != nil {
		return nil, errors.Join(err, c.Drop())
	}
	return c, nil
}

// newLock makes the lock of a new entry, and takes it.
func (r *Registry) newLock() (id string, lock *os.File, err error) {
	for {
		id = newID()
		lock, err = r.root.OpenFile(id+lockSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
		return "", nil, err
	}
	err = lock.Chmod(0o600)
	if err == nil {
		err = lockWithin(lock, lockLimit) // who looks whether it is held has it for a moment
	}
	if err != nil {
		lock.Close()
		return "", nil, errors.Join(err, r.erase(id))
	}
	return id, lock, nil
}

// Save keeps what the run says about itself, for whoever lists it, also after this process was
// killed. It may have a mebibyte, less some.
func (c *Claim) Save(info json.RawMessage) error {
	return c.change(func(r *record) { r.Info = info })
}

// SetCgroup keeps where the cgroups of the run are: in the directory dir, with names that begin with
// prefix, as cgroup2.OwnerPrefix returns it. If the run is killed, they are removed with the entry.
// What is not so of one process alone gives an error that wraps [os.ErrInvalid].
func (c *Claim) SetCgroup(dir, prefix string) error {
	set := cgroups{dir, prefix}
	if err := set.check(); err != nil {
		return err
	}
	return c.change(func(r *record) { r.Cgroups = set })
}

// change changes the record.
func (c *Claim) change(f func(*record)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lock == nil {
		return os.ErrClosed
	}
	changed := c.record
	f(&changed)
	if err := c.registry.write(changed); err != nil {
		return err
	}
	c.record = changed
	return nil
}

// End says that the run is over. The entry stays, with info, until it is removed. If that cannot
// be written, the run will look as if it was killed.
func (c *Claim) End(info json.RawMessage) error {
	err := c.change(func(r *record) { r.Info, r.Ended = info, time.Now() })
	if lock := c.giveUp(); lock != nil {
		unlock(lock)
	}
	return err
}

// Drop says that the run is over, and removes the entry with all files in it.
func (c *Claim) Drop() error {
	lock := c.giveUp()
	if lock == nil {
		return os.ErrClosed
	}
	// Without a record nobody takes the entry for one of a run that was killed when the lock is
	// free. On Windows the lock cannot be removed before.
	err := persist(func() error { return c.registry.root.RemoveAll(c.ID) })
	unlock(lock)
	if err != nil {
		return err
	}
	return c.registry.erase(c.ID)
}

// giveUp returns the lock to the first who asks for it.
func (c *Claim) giveUp() *os.File {
	c.mu.Lock()
	defer c.mu.Unlock()
	lock := c.lock
	c.lock = nil
	return lock
}
