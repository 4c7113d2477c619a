// Package registry keeps the runs of one user where all of the user's processes find them: in a
// directory that nobody else can enter.
//
// An entry is a file <id>.lock and a directory <id> with run.json, what the run says about
// itself, and whatever else belongs to it. The process that made it holds an exclusive lock on the
// file (flock(2), LockFileEx), which the kernel ends with the process: that, and never a process
// number, tells whether a run is there. Whatever else is in the directory is ignored.
package registry

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/procgroup/procgroup/internal/localsock"
)

var (
	// ErrTaken: a run that is there has the name.
	ErrTaken = errors.New("name is taken")

	// ErrLive: the run is there.
	ErrLive = errors.New("group has not ended")
)

// Status says what became of the process that made an entry.
type Status string

// What can become of it.
const (
	Live  Status = "live"  // it is there
	Ended Status = "ended" // the run is over
	Dead  Status = "dead"  // it was killed before the run was over
)

// Entry is a run, as it was at one moment.
type Entry struct {
	ID     string
	Name   string // "" if it has none
	Status Status
	PID    int             // the process that made it, which may be gone
	Socket string          // what it is served on; see package localsock
	Dir    string          // for its files
	Info   json.RawMessage // what was saved last; nil if nothing was

	record record
}

// Registry is the directory of this process's user. Its methods may be called from many
// goroutines at once, and beside those of other processes.
type Registry struct {
	path string
	root *os.Root
}

// Open opens the directory, which it makes if need be. A directory that somebody else has made, or
// can enter, is an error that wraps [os.ErrPermission]: what is in it could not be trusted.
func Open() (*Registry, error) {
	path, err := Dir()
	if err != nil {
		return nil, err
	}
	return openAt(path)
}

func openAt(path string) (*Registry, error) {
	if err := checkParent(filepath.Dir(path)); err != nil {
		return nil, err
	}
	err := os.Mkdir(path, 0o700)
	if err == nil {
		err = os.Chmod(path, 0o700) // the umask may have taken more
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	// What is checked is our own and cannot be exchanged by others, and only then opened: to
	// open what others put there might take for ever.
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if err := checkDir(path, info); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	opened, err := root.Stat(".")
	if err == nil && !os.SameFile(info, opened) {
		err = fmt.Errorf("%s was exchanged: %w", path, os.ErrPermission)
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return &Registry{path, root}, nil
}

// Close closes the directory, after which neither it nor a claim that it made can be used. A
// registry to which nobody refers any more is closed by itself.
func (r *Registry) Close() error { return r.root.Close() }

// List returns the entries, in the order in which they were made. It does not wait for anybody.
func (r *Registry) List() ([]Entry, error) {
	ids, err := r.ids()
	if err != nil {
		return nil, err
	}
	var list []Entry
	for _, id := range ids {
		e, err := r.entry(id)
		if err != nil {
			continue // it is being made or forgotten, or is nothing of ours
		}
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b Entry) int {
		return cmp.Or(a.record.Created.Compare(b.record.Created), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

// ids returns the ids for which there is a lock. A directory without one is nobody's that could
// be known to be dead.
func (r *Registry) ids() ([]string, error) {
	dir, err := r.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, name := range names {
		if id, ok := strings.CutSuffix(name, lockSuffix); ok && isID(id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// entry returns the entry id.
//
// The lock is taken before there is a record, and given up after the last one was written. So
// whoever finds a record and then a free lock knows that the next look at the record is final.
func (r *Registry) entry(id string) (Entry, error) {
	rec, err := r.read(id)
	if err != nil {
		return Entry{}, err
	}
	status := Live
	held, err := r.isHeld(id)
	if err == nil && !held {
		status = Dead
		rec, err = r.read(id)
	}
	if err != nil {
		return Entry{}, err
	}
	if !rec.Ended.IsZero() {
		status = Ended
	}
	dir := filepath.Join(r.path, id)
	return Entry{
		ID:     id,
		Name:   rec.Name,
		Status: status,
		PID:    rec.PID,
		Socket: localsock.Path(dir, id),
		Dir:    dir,
		Info:   rec.Info,
		record: rec,
	}, nil
}
