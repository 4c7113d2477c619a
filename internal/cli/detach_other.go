//go:build !unix && !windows

package cli

import "os/exec"

// setDetached does nothing: no containment works on this system anyway.
func setDetached(*exec.Cmd) {}
