// Package cli is the procgroup program: one file for each verb.
package cli

import (
	"os"

	"github.com/spf13/cobra"
)

// Main runs the program with the arguments of this process, and returns its exit status.
func Main() int {
	cobra.MousetrapHelpText = "" // a shortcut on a Windows desktop may run a command, too
	root := newRoot()
	root.SetArgs(os.Args[1:])
	verb, err := root.ExecuteC()
	return report(os.Stderr, verb, err)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "procgroup",
		Short: "Run a command and everything that it starts as one group",
		Long: `Procgroup runs a command, and everything that it ever starts, as a group, and
leaves nothing behind when the command has ended. Other verbs see such groups and control
them, from another terminal, too.

  procgroup run make -j8                 runs make; what it leaves behind is killed
  procgroup run --name web -d ./server   runs a server in the background
  procgroup pause web                    stops all of it, until 'procgroup resume web'
  procgroup init ./server                is run, as the entry point of a container
  procgroup doctor                       tells what can hold a group on this machine

Exit status of the program itself: 125 when procgroup failed, 126 when a command
was found but cannot be run, 127 when it was not found.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddGroup(
		&cobra.Group{ID: "start", Title: "Start a group:"},
		&cobra.Group{ID: "control", Title: "See and control groups:"},
	)
	addVerbs(root, "start", newRun(), newInit())
	addVerbs(root, "control", controlVerbs()...)
	addVerbs(root, "", newDoctor(), newVersion())
	return root
}

func addVerbs(root *cobra.Command, group string, verbs ...*cobra.Command) {
	for _, verb := range verbs {
		verb.GroupID = group
	}
	root.AddCommand(verbs...)
}
