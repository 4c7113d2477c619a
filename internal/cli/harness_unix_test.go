//go:build unix

package cli

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// setApart gives a program a session of its own: what a test does to a job must not reach
// the test.
func setApart(attr *syscall.SysProcAttr) { attr.Setsid = true }

// enders are signals that together end a program and its group. Two of a kind might
// arrive as one.
var enders = []syscall.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGCONT}

func (p *program) askToEnd() {
	for _, sig := range enders {
		_ = p.cmd.Process.Signal(sig)
	}
}

func (p *program) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}
