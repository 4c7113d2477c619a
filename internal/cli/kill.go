package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/procgroup/procgroup/control"
)

func newKill() *cobra.Command {
	return &cobra.Command{
		Use:   "kill NAME...",
		Short: "Kill every process of groups",
		Long: `Kill ends every process of each group at once, without asking, and prints the name of
the group. The command is not started again. Stop asks first; signal sends any signal.

` + namesHelp,
		Args: needNames,
		RunE: func(verb *cobra.Command, names []string) error {
			return doEach(verb, names, func(ctx context.Context, run *control.Run) error { return run.Kill(ctx) })
		},
		ValidArgsFunction: completeNames(isLive),
	}
}
