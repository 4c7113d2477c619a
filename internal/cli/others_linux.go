package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/proctable"
)

// killOthers kills everybody else in the PID namespace, and returns when they are gone.
func killOthers() error {
	if !isPID1() {
		return fmt.Errorf("not process 1, which alone may kill all others: %w", os.ErrPermission)
	}
	// All at once for those who fork: the kernel starts no child of a process that has
	// been killed (copy_process in kernel/fork.c).
	if err := unix.Kill(-1, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return os.NewSyscallError("kill", err)
	}
	for {
		var status syscall.WaitStatus
		if _, err := wait(&status, 0); err != nil {
			return nil // ECHILD
		}
	}
}

// listOthers returns who is there beside process 1, as far as /proc tells, and beside the
// helpers of its child (procgroup.Init), which end by themselves.
func listOthers() []proctable.Details {
	if self, err := os.Readlink("/proc/self"); err != nil || self != "1" {
		return nil // that of another namespace
	}
	table, _ := proctable.All()
	var others []proctable.Details
	for _, entry := range table {
		if entry.PID == 1 || !entry.Alive() {
			continue
		}
		details, err := proctable.Inspect(entry.ID)
		if err == nil && !endsByItself(details.Command) {
			others = append(others, details)
		}
	}
	return others
}

// endsByItself reports whether a command line is that of a helper, or of a process that
// is ending and has given back its memory.
func endsByItself(args []string) bool {
	return len(args) == 0 || strings.HasPrefix(args[0], "procgroup ")
}
