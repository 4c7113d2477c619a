package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/cgroup2"
)

// endLimit bounds the time in which the processes of a dead run have to die. It is less than
// lockLimit: others wait meanwhile.
const endLimit = 3 * time.Second

// end kills everybody in the cgroups, and removes them.
func (c cgroups) end() error {
	if c == (cgroups{}) {
		return nil
	}
	if err := c.check(); err != nil {
		return err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(c.Dir, &st); errors.Is(err, unix.ENOENT) {
		return nil
	} else if err != nil {
		return &fs.PathError{Op: "statfs", Path: c.Dir, Err: err}
	}
	if st.Type != unix.CGROUP2_SUPER_MAGIC {
		return fmt.Errorf("%s is not on a cgroup2 file system: %w", c.Dir, os.ErrInvalid)
	}
	list, err := os.ReadDir(c.Dir)
	if err != nil {
		return err
	}
	var errs []error
	deadline := time.Now().Add(endLimit)
	for _, entry := range list {
		if entry.IsDir() && strings.HasPrefix(entry.Name(), c.Prefix) {
			dir := cgroup2.Dir{Path: filepath.Join(c.Dir, entry.Name())}
			errs = append(errs, dir.End(time.Until(deadline)))
		}
	}
	return errors.Join(errs...)
}

// bootID returns what tells this start of the system from others, "" if it is not known
// (random(4)).
var bootID = sync.OnceValue(func() string {
	text, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // it is not there in some sandboxes
	return strings.TrimSpace(string(text))
})
