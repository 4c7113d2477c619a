//go:build !linux

package cli

import (
	"os/exec"
	"syscall"

	"github.com/procgroup/procgroup"
)

// A terminal is never there: the containments of Unix systems other than Linux keep commands
// away from it, in sessions of their own, and a Windows console knows no jobs.
type terminal struct{}

func openTerminal(procgroup.Containment) *terminal { return nil }

func (*terminal) prepare(*exec.Cmd, procgroup.Containment)   {}
func (*terminal) started(int)                                {}
func (*terminal) close()                                     {}
func (*terminal) askToStop()                                 {}
func (*terminal) yield(syscall.Signal) (stop, wholeJob bool) { return false, false }
func (*terminal) resume()                                    {}
