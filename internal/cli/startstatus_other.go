//go:build !windows

package cli

import "syscall"

// scarcities are the errors of a start for which the command is not to blame.
var scarcities = []error{
	syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, syscall.EBADF, syscall.ENOSYS,
}
