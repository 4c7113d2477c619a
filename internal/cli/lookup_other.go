//go:build !windows

package cli

import "os/exec"

func isPATH(name string) bool { return name == "PATH" }

func newCommand(args []string) *exec.Cmd { return exec.Command(args[0], args[1:]...) }
