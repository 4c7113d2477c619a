package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"
)

// Remove forgets a run that is over, with its files. If it was killed, everybody in what cgroups
// it left is killed first, and the cgroups are removed. The error for a run that is there wraps
// [ErrLive]; one that is forgotten already is success.
func (r *Registry) Remove(e Entry) error {
	if !isID(e.ID) {
		return fmt.Errorf("%.40q is no id: %w", e.ID, os.ErrInvalid)
	}
	release, err := r.lock()
	if err != nil {
		return err
	}
	defer release()
	e, err = r.entry(e.ID)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if e.Status == Live {
		return fmt.Errorf("%w: process %d is there", ErrLive, e.PID)
	}
	return r.forget(e)
}

// forget removes an entry that is not live. The caller holds the lock of the directory.
func (r *Registry) forget(e Entry) error {
	if e.Status == Dead && e.record.BootID != "" && e.record.BootID == bootID() {
		if err := e.record.Cgroups.end(); err != nil {
			return fmt.Errorf("what the dead run %s left: %w", e.ID, err)
		}
	}
	return r.erase(e.ID)
}

// erase removes the files of an entry. The lock goes last: without it nobody would look for the
// rest.
func (r *Registry) erase(id string) error {
	if err := persist(func() error { return r.root.RemoveAll(id) }); err != nil {
		return err
	}
	err := persist(func() error { return r.root.Remove(id + lockSuffix) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

const (
	// maxEnded is how many entries of runs that are over are kept.
	maxEnded = 64

	// brokenAge is how old an entry without a record must be to be removed.
	brokenAge = time.Minute
)

// tidy removes entries that nobody needs: the oldest of runs that are over, and those of processes
// that were killed before there was a record. One that cannot be removed now is left to the next
// one who does this. It returns the entries that there were. The caller holds the lock of the
// directory.
func (r *Registry) tidy() ([]Entry, error) {
	ids, err := r.ids()
	if err != nil {
		return nil, err
	}
	list, err := r.List()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		known := slices.ContainsFunc(list, func(e Entry) bool { return e.ID == id })
		if !known && r.isBroken(id) {
			_ = r.erase(id)
		}
	}
	ended := slices.DeleteFunc(slices.Clone(list), func(e Entry) bool { return e.Status != Ended })
	slices.SortFunc(ended, func(a, b Entry) int { return a.record.Ended.Compare(b.record.Ended) })
	for _, e := range ended[:max(0, len(ended)-maxEnded)] {
		_ = r.erase(e.ID)
	}
	return list, nil
}

// isBroken reports whether an entry has no record that can be read, and nobody who could write one.
func (r *Registry) isBroken(id string) bool {
	_, err := r.read(id)
	if err == nil {
		return false
	}
	if held, err := r.isHeld(id); held || err != nil {
		return false
	}
	for _, name := range []string{id, id + lockSuffix} {
		info, err := r.root.Lstat(name)
		if err == nil && time.Since(info.ModTime()) < brokenAge {
			return false
		}
	}
	return true
}
