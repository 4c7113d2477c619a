package cgroup2

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Features tell what the kernel offers beyond the necessary.
type Features struct {
	Kill bool // cgroup.kill, Linux 5.14
}

// Probe tries in a new cgroup below d, which it removes, whether cgroups can be used
// there to hold processes: that one can be made, that a process can be cloned into it
// (CLONE_INTO_CGROUP, Linux 5.7), that it can be frozen (Linux 5.2) and tells its
// events. The error says in words what does not work.
func Probe(d Dir, name string) (f Features, err error) {
	probe := d.Child(name)
	if err := probe.Make(); err != nil {
		return Features{}, fmt.Errorf("cannot make a cgroup: %w", err)
	}
	defer func() { err = errors.Join(err, probe.Remove(time.Second)) }()

	if err := probe.tryClone(); err != nil {
		return Features{}, err
	}
	if err := probe.tryFreeze(); err != nil {
		return Features{}, err
	}
	return Features{Kill: probe.Has("cgroup.kill")}, nil
}

// tryClone tries whether a process that is cloned into the cgroup lives. The process
// never runs a program: it reports that there is none of that name, and that it could
// report anything is the answer.
func (d Dir) tryClone() error {
	fd, err := d.Open()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	p, err := os.StartProcess("", []string{"probe"}, &os.ProcAttr{
		Sys: &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd},
	})
	switch {
	case err == nil:
		// It was killed before it could say anything: see Kill.
		_, _ = p.Wait()
		return errors.New("a process that is started in a new cgroup is killed at once: " +
			"the kernel does that to children of a process whose own cgroup was killed (seen in 6.12 and 6.18)")
	case errors.Is(err, unix.ENOENT):
		return nil
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("no permission to start a process in a new cgroup "+
			"(this process must be inside the subtree that was delegated to its user): %w", err)
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.E2BIG), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("the kernel cannot start a process in a cgroup (CLONE_INTO_CGROUP, Linux 5.7, "+
			"or a seccomp filter without clone3): %w", err)
	}
	return fmt.Errorf("cannot start a process in a new cgroup: %w", err)
}

// tryFreeze tries whether the cgroup says that it is frozen when it was told to be.
// Of an empty one that is true at once.
func (d Dir) tryFreeze() error {
	if err := d.Freeze(true); err != nil {
		return fmt.Errorf("cannot freeze a cgroup: %w", err)
	}
	events, err := d.Events()
	if err != nil {
		return err
	}
	if !events.Frozen {
		return errors.New("a cgroup that was frozen does not say so in cgroup.events")
	}
	return d.Freeze(false)
}
