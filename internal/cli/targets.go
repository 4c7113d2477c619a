package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/spf13/cobra"

	"github.com/procgroup/procgroup/control"
)

// namesHelp tells in the help of a verb what NAME is.
const namesHelp = `NAME is a name given by --name, an id, or the beginning of an id, of four digits at least.

Exit status: 0; 1 if it failed for one of the groups: the others had their turn all the same.`

// needNames wants one name or more.
func needNames(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.New("no group named")
	}
	return nil
}

// answer is what came of asking the run that has a name.
type answer[T any] struct {
	name  string
	value T
	err   error
}

// deed is what is done with a run that has a name.
type deed[T any] func(ctx context.Context, name string, run *control.Run) (T, error)

// ask does something with all the runs that are named, at the same time. It yields what came of
// it in the order of the names, each as soon as those before it have an answer.
func ask[T any](ctx context.Context, names []string, do deed[T]) iter.Seq[answer[T]] {
	return func(yield func(answer[T]) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		answers := make([]chan answer[T], len(names))
		for i, name := range names {
			answers[i] = make(chan answer[T], 1)
			go func() {
				value, err := askOne(ctx, name, do)
				answers[i] <- answer[T]{name, value, err}
			}()
		}
		for _, a := range answers {
			if !yield(<-a) {
				return
			}
		}
	}
}

func askOne[T any](ctx context.Context, name string, do deed[T]) (T, error) {
	run, err := control.Find(ctx, name)
	if err != nil {
		var none T
		return none, err
	}
	defer run.Close()
	return do(ctx, name, run)
}

// tellEach prints what came of asking each run that is named, a line each.
func tellEach(verb *cobra.Command, names []string, do deed[string]) error {
	failures := failures{w: verb.ErrOrStderr()}
	for a := range ask(verb.Context(), names, do) {
		if a.err != nil {
			failures.add(a.name, a.err)
			continue
		}
		if _, err := fmt.Fprintln(verb.OutOrStdout(), a.value); err != nil {
			return failed(err)
		}
	}
	return failures.err()
}

// doEach does something with each run that is named, and prints the names of those with whom it
// went well.
func doEach(verb *cobra.Command, names []string, do func(context.Context, *control.Run) error) error {
	return tellEach(verb, names, func(ctx context.Context, name string, run *control.Run) (string, error) {
		return name, do(ctx, run)
	})
}

// failures tells what went wrong with single runs.
type failures struct {
	w   io.Writer
	any bool
}

// add tells of an error, on a line of its own.
func (f *failures) add(name string, err error) {
	f.any = true
	complain(f.w, fmt.Errorf("%s: %s", name, oneLine(err)))
}

// err returns how a verb ends that has told everything already.
func (f *failures) err() error {
	if f.any {
		return &exitError{status: 1}
	}
	return nil
}

// completeNames lets the shell complete the names, or else the ids, of the runs that fit.
func completeNames(fits func(control.Info) bool) cobra.CompletionFunc {
	return func(verb *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		infos, _ := control.List(verb.Context()) // in a shell's completion nobody can be told
		return nameChoices(infos, args, fits), cobra.ShellCompDirectiveNoFileComp
	}
}

// nameChoices returns what can be named beside those named already.
func nameChoices(infos []control.Info, named []string, fits func(control.Info) bool) []cobra.Completion {
	var choices []cobra.Completion
	for _, info := range infos {
		name := nameOf(info)
		if fits(info) && !slices.Contains(named, name) && !slices.Contains(named, info.ID) {
			choices = append(choices, name)
		}
	}
	return choices
}

// nameOf returns what a run can be called: its name, or else its id.
func nameOf(info control.Info) string {
	if info.Name != "" {
		return info.Name
	}
	return info.ID
}

// Which runs can be completed.
func isAny(control.Info) bool         { return true }
func isLive(info control.Info) bool   { return info.State.Live() }
func isEnded(info control.Info) bool  { return info.State == control.Exited }
func isPaused(info control.Info) bool { return info.State == control.Paused }
