package control

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/procgroup/procgroup/internal/registry"
)

// CheckName reports whether a run can have this name: up to 63 lower-case letters, digits, and
// the characters "_", "." and "-", a letter or digit first. The error says what is wrong, and wraps
// [os.ErrInvalid].
func CheckName(name string) error { return registry.CheckName(name) }

// shortestID is how many digits the beginning of an id has to have. The name of a run that is gone,
// such as "db" or "a", must not mean another one by chance.
const shortestID = 4

// Find returns the run that key means: its name, its id, or the beginning of its id, of four digits
// at least. What is a name is not taken for the beginning of an id. The error is [ErrNotFound] or
// [ErrAmbiguous], or [ErrEnded] for a run that was killed: what it held is gone then, and so is the
// run.
func Find(ctx context.Context, key string) (*Run, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	directory, err := registry.Open()
	if err != nil {
		return nil, err
	}
	defer directory.Close()
	entries, err := directory.List()
	if err != nil {
		return nil, err
	}
	entry, err := choose(entries, key)
	if err != nil {
		return nil, err
	}
	if entry.Status == registry.Dead {
		return nil, errors.Join(&overError{entry: entry}, directory.Remove(entry))
	}
	return newRun(entry), nil
}

// choose returns the entry that key means.
func choose(entries []registry.Entry, key string) (registry.Entry, error) {
	var named, begun []registry.Entry
	for _, entry := range entries {
		switch {
		case key == "":
		case entry.Name == key:
			named = append(named, entry)
		case len(key) >= shortestID && strings.HasPrefix(entry.ID, key):
			begun = append(begun, entry)
		}
	}
	for _, status := range []registry.Status{registry.Live, registry.Ended, registry.Dead} {
		for _, entry := range named {
			if entry.Status == status {
				return entry, nil // there is one at most that is live
			}
		}
	}
	switch len(begun) {
	case 0:
		return registry.Entry{}, ErrNotFound
	case 1:
		return begun[0], nil
	}
	var ids []string
	for _, entry := range begun {
		ids = append(ids, entry.ID)
	}
	return registry.Entry{}, fmt.Errorf("%w: %s", ErrAmbiguous, strings.Join(ids, ", "))
}
