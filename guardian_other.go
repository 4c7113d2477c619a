//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd)

package procgroup

import "errors"

// guardian is a helper that only Unix systems need.
type guardian struct{}

var theGuardian guardian

func (guardian) hire() error   { return errors.ErrUnsupported }
func (guardian) dismiss()      {}
func (guardian) isThere() bool { return false }
