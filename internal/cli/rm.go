package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/procgroup/procgroup/control"
	"github.com/procgroup/procgroup/internal/registry"
)

func newRm() *cobra.Command {
	var force, ended bool
	verb := &cobra.Command{
		Use:   "rm [flags] {NAME...|--ended}",
		Short: "Forget groups that have ended",
		Long: `Rm forgets groups that have ended, with their logs, and prints their names. A group
that has not ended is an error, unless --force kills it first.

` + namesHelp,
		Args: func(verb *cobra.Command, names []string) error {
			if !ended {
				return needNames(verb, names)
			}
			if len(names) > 0 {
				return errors.New("--ended goes without names")
			}
			return nil
		},
	}
	f := verb.Flags()
	f.SortFlags = false
	f.BoolVarP(&force, "force", "f", false, "kill those that have not ended")
	f.BoolVar(&ended, "ended", false, "forget all that have ended")
	verb.MarkFlagsMutuallyExclusive("force", "ended")
	verb.RunE = func(verb *cobra.Command, names []string) error {
		if ended {
			infos, err := control.List(verb.Context())
			if err != nil {
				return failed(err)
			}
			names = endedIDs(infos)
		}
		remove := (*control.Run).Remove
		if force {
			remove = killAndRemove
		}
		return doEach(verb, names, func(ctx context.Context, run *control.Run) error { return remove(run, ctx) })
	}
	verb.ValidArgsFunction = completeNames(isEnded)
	return verb
}

// endedIDs returns the ids of those that can be forgotten.
func endedIDs(infos []control.Info) []string {
	var ids []string
	for _, info := range infos {
		if isEnded(info) {
			ids = append(ids, info.ID)
		}
	}
	return ids
}

// exitLimit is how long a run may take to end when its command has.
const exitLimit = 10 * time.Second

// killAndRemove kills a run that has not ended, and forgets it.
func killAndRemove(run *control.Run, ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, exitLimit, errors.New("does not end"))
	defer cancel()
	if err := run.Kill(ctx); err != nil && !errors.Is(err, control.ErrEnded) {
		return err
	}
	for {
		err := run.Remove(ctx)
		switch {
		case errors.Is(err, control.ErrNotFound):
			return nil // it has left nothing
		case !errors.Is(err, registry.ErrLive):
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", err, context.Cause(ctx))
		case <-time.After(exitLimit / 500):
		}
	}
}
