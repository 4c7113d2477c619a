package cgroup2

import (
	"errors"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// frozenLimit bounds the wait for a freeze that only makes the list of processes stand still.
const frozenLimit = 250 * time.Millisecond

// End kills every process in the cgroup and below it, and removes it, within a time limit. One
// that is gone is success.
func (d Dir) End(limit time.Duration) error {
	for deadline := time.Now().Add(limit); ; {
		err := d.endNow()
		if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
			return nil
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

func (d Dir) endNow() error {
	kill := d.killEach
	if d.Has("cgroup.kill") {
		kill = d.Kill
	}
	if err := kill(); err != nil {
		return err
	}
	return d.Remove(100 * time.Millisecond)
}

// killEach kills without cgroup.kill. Frozen processes still die, and do not fork.
func (d Dir) killEach() error {
	if err := d.Freeze(true); err != nil {
		return err
	}
	d.awaitFrozen(frozenLimit)
	s := Sweep{Signal: unix.SIGKILL}
	err := s.Run(d, true)
	return errors.Join(append(s.Errs, err, d.Freeze(false))...)
}

// awaitFrozen waits until the cgroup says that it is frozen, or the limit is over.
func (d Dir) awaitFrozen(limit time.Duration) {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if events, err := d.Events(); err != nil || events.Frozen {
			return
		}
	}
}
