//go:build linux

package main

import (
	"errors"
	"os/exec"

	"github.com/procgroup/procgroup"
)

// bare is what a containment does, by hand and with nothing more than it needs.
type bare interface {
	start(cmd *exec.Cmd) error
	kill() error   // returns when nobody is left
	freeze() error // returns when nobody runs
	thaw() error
	close() error
}

// newBare starts n sleeping processes without procgroup. end kills and reaps what is
// left of them; it must be called also after an error.
func newBare(c procgroup.Containment, n int) (b bare, end func() error, err error) {
	session := new(bareSession)
	b = session
	if c == procgroup.Cgroup {
		own, err := newBareCgroup()
		if err != nil {
			return nil, func() error { return nil }, err
		}
		if err := own.watchEvents(); err != nil {
			return nil, own.close, err
		}
		b = own
	}
	leader, err := startSleepers(n, b.start)
	if err == nil && c != procgroup.Cgroup {
		err = session.list()
	}
	return b, func() error { return errors.Join(b.close(), reap(leader)) }, err
}

// newGroup is newBare with procgroup.
func newGroup(opts procgroup.Options, n int) (g *procgroup.Group, end func() error, err error) {
	g, err = procgroup.New(opts)
	if err != nil {
		return nil, func() error { return nil }, err
	}
	leader, err := startSleepers(n, g.Start)
	return g, func() error { return errors.Join(g.Close(), reap(leader)) }, err
}
