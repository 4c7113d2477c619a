package cgroup2

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/proctable"
)

// OwnerPrefix returns what the names of all cgroups that this process makes begin with, and of
// no other's. It holds the owner's identity: its number and start time, and the namespace that
// the number is of. So what a dead owner left can be told.
var OwnerPrefix = sync.OnceValue(func() string {
	var start uint64
	if self, err := proctable.Lookup(os.Getpid()); err == nil {
		start = self.Start
	}
	var namespace unix.Stat_t
	_ = unix.Stat("/proc/self/ns/pid", &namespace) // it is not there in some sandboxes
	return fmt.Sprintf("procgroup-%d-%d-%d-", os.Getpid(), start, namespace.Ino)
})
