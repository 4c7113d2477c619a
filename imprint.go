//go:build linux || dragonfly || freebsd

package procgroup

import "golang.org/x/sys/unix"

// imprint is what a process hands on to those that it starts, and that a reaper, which was
// started earlier, may have in another way: credentials, limits, ignored signals, the
// cgroup. A reaper is used only as long as it is like its owner. The umask goes with each
// command.
type imprint struct {
	text   string // all but the limits
	limits [limitCount]unix.Rlimit
	umask  int // -1 if the system does not tell
}

func (i imprint) equal(other imprint) bool { return i.text == other.text && i.limits == other.limits }

// takeLimits fills in the limits of this process.
func (i *imprint) takeLimits() {
	for resource := range i.limits {
		_ = unix.Getrlimit(resource, &i.limits[resource])
	}
}
