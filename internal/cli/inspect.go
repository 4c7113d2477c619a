package cli

import (
	"bytes"
	"context"

	"github.com/spf13/cobra"

	"github.com/procgroup/procgroup/control"
)

func newInspect() *cobra.Command {
	var format rowFormat
	verb := &cobra.Command{
		Use:   "inspect [flags] NAME...",
		Short: "Tell everything about groups",
		Long: `Inspect prints what there is to know about each group, as a JSON array, or by a
template: see 'procgroup ps --help'.

` + namesHelp,
		Example: `  procgroup inspect --format '{{.Leader}}' web`,
		Args:    needNames,
	}
	verb.Flags().Var(format.value(), "format", "print each by the template `T`")
	verb.RunE = func(verb *cobra.Command, names []string) error {
		failures := failures{w: verb.ErrOrStderr()}
		infos := []control.Info{}
		for a := range ask(verb.Context(), names, func(ctx context.Context, _ string, run *control.Run) (control.Info, error) {
			return run.Info(ctx)
		}) {
			if a.err != nil {
				failures.add(a.name, a.err)
				continue
			}
			infos = append(infos, a.value)
		}
		var out bytes.Buffer
		var err error
		if format.given() {
			err = format.write(&out, infos)
		} else {
			err = writeJSON(&out, infos)
		}
		if err != nil {
			return failed(err)
		}
		if _, err := verb.OutOrStdout().Write(out.Bytes()); err != nil {
			return failed(err)
		}
		return failures.err()
	}
	verb.ValidArgsFunction = completeNames(isAny)
	return verb
}
