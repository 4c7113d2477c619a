package cli

import (
	"os"
	"os/exec"
	"strings"
)

// isPATH reports whether a variable is PATH, which Windows itself writes Path.
func isPATH(name string) bool { return strings.EqualFold(name, "PATH") }

// newCommand is exec.Command without the current directory, which Windows searches before
// PATH. A program in there has to be named as a path, as in PowerShell, so that it is not run
// in the place of another.
func newCommand(args []string) *exec.Cmd {
	const name = "NoDefaultCurrentDirectoryInExePath" // package os/exec heeds it
	if _, found := os.LookupEnv(name); !found {
		os.Setenv(name, "1")
		defer os.Unsetenv(name)
	}
	return exec.Command(args[0], args[1:]...)
}
