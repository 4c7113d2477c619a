//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import "fmt"

// conflict is the error for a field of SysProcAttr that a containment cannot keep.
func conflict(field string, c Containment) error {
	return fmt.Errorf("%w: SysProcAttr.%s cannot be set with the containment %s", ErrConflict, field, c)
}
