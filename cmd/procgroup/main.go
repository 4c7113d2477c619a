// Procgroup runs a command, and everything that it starts, as a group, and leaves
// nothing behind.
package main

import (
	"os"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/internal/cli"
)

func main() {
	procgroup.Init()
	os.Exit(cli.Main())
}
