package cli

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/procgroup/procgroup/control"
)

func newWait() *cobra.Command {
	var empty, ready bool
	verb := &cobra.Command{
		Use:   "wait [flags] NAME...",
		Short: "Wait until groups have ended, or are ready",
		Long: `Wait waits until the command of each group has ended and is not started again, and
prints its exit status, a line each, in the order of the names. Of a run that has ended
already it tells at once. With --ready it prints the names of those that are ready.

It is an error if a run was killed before it could tell how its command has ended, and
with --ready if it is over without having been ready.

` + namesHelp,
		Args: needNames,
	}
	f := verb.Flags()
	f.SortFlags = false
	f.BoolVar(&empty, "empty", false, "until nobody else in the group is left either")
	f.BoolVar(&ready, "ready", false, "until they are ready")
	verb.MarkFlagsMutuallyExclusive("empty", "ready")
	verb.RunE = func(verb *cobra.Command, names []string) error {
		list := strings.Join(names, ", ")
		if ready {
			defer showProgress(verb.ErrOrStderr(), "waiting for "+list+" to be ready", 0)()
			return doEach(verb, names, awaitReadiness)
		}
		until := control.UntilExit
		if empty {
			until = control.UntilEmpty
		}
		defer showProgress(verb.ErrOrStderr(), "waiting for "+list+" to end", 0)()
		return tellEach(verb, names, func(ctx context.Context, _ string, run *control.Run) (string, error) {
			info, err := run.Wait(ctx, until)
			if err != nil {
				return "", err
			}
			return exitStatus(info)
		})
	}
	verb.ValidArgsFunction = completeNames(isAny)
	return verb
}

// awaitReadiness waits until a run is ready. One that waits for nothing is ready as it is.
func awaitReadiness(ctx context.Context, run *control.Run) error {
	info, err := run.Wait(ctx, control.UntilReady)
	if err == nil && !info.State.Live() && !info.Ready.V {
		err = errors.New("has ended without being ready")
	}
	return err
}

// exitStatus returns the exit status of a run that is over.
func exitStatus(info control.Info) (string, error) {
	switch {
	case info.State == control.Dead:
		return "", errors.New("was killed, and did not tell how its command has ended")
	case info.Exit == nil:
		return "", errors.New("its command was never started")
	default:
		return strconv.Itoa(info.Exit.Status), nil
	}
}
