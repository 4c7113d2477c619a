package cli

import (
	"context"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
)

func newStop() *cobra.Command {
	var grace time.Duration
	var signal syscall.Signal
	verb := &cobra.Command{
		Use:   "stop [flags] NAME...",
		Short: "Ask groups to end, and kill what is left",
		Long: `Stop asks each group to end, kills what is left of it after its grace, and prints the
name of the group when its run is over. The command is not started again. Signal and grace
are those that the run was started with, unless they are given.

` + namesHelp,
		Example: `  procgroup stop --grace 30s web worker`,
		Args:    needNames,
	}
	f := verb.Flags()
	f.SortFlags = false
	f.Var(&value{kind: "duration", read: durationValue(&grace).read}, "grace",
		"wait `D` between asking and killing; 0 kills at once")
	f.Var(&value{kind: "signal", read: signalValue(&signal).read}, "signal", "the signal `S` that asks, a name or a number")
	if err := verb.RegisterFlagCompletionFunc("signal",
		cobra.FixedCompletions(signalChoices, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // there is no such flag
	}
	verb.RunE = func(verb *cobra.Command, names []string) error {
		var o control.StopOptions
		if f.Changed("grace") {
			o.Grace = procgroup.Optional[time.Duration]{V: grace, Valid: true}
		}
		if f.Changed("signal") {
			o.Signal = signalName(signal)
		}
		done := showProgress(verb.ErrOrStderr(), "waiting for "+strings.Join(names, ", ")+" to end", grace)
		defer done()
		return doEach(verb, names, func(ctx context.Context, run *control.Run) error { return run.Stop(ctx, o) })
	}
	verb.ValidArgsFunction = completeNames(isLive)
	return verb
}
