package registry

import (
	"fmt"
	"os"
	"path"
	"regexp"
)

// cgroups are those of a run: the ones in a directory whose names begin with a prefix.
type cgroups struct {
	Dir    string `json:"dir"`
	Prefix string `json:"prefix"`
}

// ownerPrefix is the form of a prefix that is one process's alone: number, start time, namespace.
// Without the start time it could be that of another process, later.
var ownerPrefix = regexp.MustCompile(`^procgroup-[1-9][0-9]*-[1-9][0-9]*-[0-9]+-$`)

// check reports whether these can be the cgroups of one run, and nobody else's.
func (c cgroups) check() error {
	if !path.IsAbs(c.Dir) {
		return fmt.Errorf("cgroup directory %q is not absolute: %w", c.Dir, os.ErrInvalid)
	}
	if !ownerPrefix.MatchString(c.Prefix) {
		return fmt.Errorf("cgroup prefix %q is not that of a process: %w", c.Prefix, os.ErrInvalid)
	}
	return nil
}
