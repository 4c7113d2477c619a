package cgroup2

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Own returns the cgroup that this process is in. It needs a cgroup2 file system
// that is mounted where this process sees it, alone (unified) or beside those of
// version 1 (hybrid). The error says in words what is missing.
func Own() (Dir, error) {
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return Dir{}, err
	}
	defer mounts.Close()
	membership, err := os.Open("/proc/self/cgroup")
	if err != nil {
		return Dir{}, err
	}
	defer membership.Close()
	candidates, err := locate(mounts, membership)
	if err != nil {
		return Dir{}, err
	}
	// Something else may be mounted over a mount point.
	for _, d := range candidates {
		var st unix.Statfs_t
		if unix.Statfs(d.Path, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC {
			return d, nil
		}
	}
	return Dir{}, fmt.Errorf("the directory of this process's cgroup %s is not there", candidates[0].Name)
}
