package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/procgroup/procgroup/control"
)

func newPause() *cobra.Command {
	return &cobra.Command{
		Use:   "pause NAME...",
		Short: "Stop groups from running until they are resumed",
		Long: `Pause stops every process of each group, and prints the name of the group when that is
done. What is paused keeps its memory, files and connections; time limits stand still.

` + namesHelp,
		Args: needNames,
		RunE: func(verb *cobra.Command, names []string) error {
			return doEach(verb, names, func(ctx context.Context, run *control.Run) error { return run.Pause(ctx) })
		},
		ValidArgsFunction: completeNames(func(info control.Info) bool { return isLive(info) && !isPaused(info) }),
	}
}
