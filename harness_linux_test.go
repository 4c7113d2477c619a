package procgroup_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/internal/cgroup2"
)

// crowd is how many members a group has where many are wanted, stormWidth how many are there
// at any time in a large storm.
const (
	crowd      = 1000
	stormWidth = "50"
)

// tableOfSystem is what tables about this system have behind their heading. lackedHere are
// guarantees that are documented, and that this machine cannot give.
const tableOfSystem = ""

func lackedHere() procgroup.Guarantees { return 0 }

// cgroupDirectories returns the directories that groups of this process have.
func cgroupDirectories(t *testing.T) []string {
	own, err := cgroup2.Own()
	if err != nil {
		return nil
	}
	names, err := os.ReadDir(own.Path)
	if err != nil {
		return nil
	}
	var dirs []string
	for _, name := range names {
		if name.IsDir() && strings.HasPrefix(name.Name(), cgroup2.OwnerPrefix()) {
			dirs = append(dirs, filepath.Join(own.Path, name.Name()))
		}
	}
	return dirs
}

// variantName is in the names of tests that forEachVariant runs.
const variantName = "cgroup_with"

// forEachVariant runs a test for containments that a kernel with less would give.
func forEachVariant(t *testing.T, test func(*testing.T, procgroup.Containment)) {
	t.Run("cgroup without cgroup.kill", func(t *testing.T) {
		restore, err := procgroup.WithoutCgroupKill()
		if err != nil {
			t.Skipf("cgroup does not work here: %v", err)
		}
		defer restore()
		test(t, procgroup.Cgroup)
	})
	t.Run("cgroup with reaper", func(t *testing.T) {
		if testing.Short() {
			t.Skip("the short run has cgroup and reaper apart")
		}
		restore, err := procgroup.AlwaysWithReaper()
		if err != nil {
			t.Skipf("cgroup and reaper do not both work here: %v", err)
		}
		defer restore()
		test(t, procgroup.Cgroup)
	})
}
