package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/procgroup/procgroup/control"
)

func newResume() *cobra.Command {
	return &cobra.Command{
		Use:   "resume NAME...",
		Short: "Let paused groups run again",
		Long: `Resume lets each group run that pause has stopped, and prints its name. A group that
is not paused stays as it is.

` + namesHelp,
		Args: needNames,
		RunE: func(verb *cobra.Command, names []string) error {
			return doEach(verb, names, func(ctx context.Context, run *control.Run) error { return run.Resume(ctx) })
		},
		ValidArgsFunction: completeNames(isPaused),
	}
}
