//go:build dragonfly || netbsd || openbsd

package localsock

import "os"

// peer takes everybody for our own user: there is no binding that would ask the kernel.
func peer(int) (uid int, err error) { return os.Geteuid(), nil }
