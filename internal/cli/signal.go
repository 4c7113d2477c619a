package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/procgroup/procgroup/control"
)

func newSignal() *cobra.Command {
	completeName := completeNames(isLive)
	return &cobra.Command{
		Use:   "signal SIGNAL NAME...",
		Short: "Send a signal to every process of groups",
		Long: `Signal sends SIGNAL, a name with or without SIG or a number, to every process of each
group, and prints the name of the group. On Windows there are INT, TERM and KILL.

` + namesHelp,
		Example: `  procgroup signal HUP web`,
		Args: func(verb *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("no signal given")
			}
			if _, err := parseSignal(args[0]); err != nil {
				return fmt.Errorf("invalid signal %q: %w", args[0], err)
			}
			return needNames(verb, args[1:])
		},
		RunE: func(verb *cobra.Command, args []string) error {
			return doEach(verb, args[1:], func(ctx context.Context, run *control.Run) error {
				return run.Signal(ctx, args[0])
			})
		},
		ValidArgsFunction: func(verb *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return signalChoices, cobra.ShellCompDirectiveNoFileComp
			}
			return completeName(verb, args[1:], begun)
		},
	}
}
