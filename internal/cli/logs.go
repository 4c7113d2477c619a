package cli

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
)

// logsOptions are the flags of the verb logs.
type logsOptions struct {
	control.LogOptions
	stream             control.Stream // "": all
	timestamps, asJSON bool
}

func newLogs() *cobra.Command {
	var o logsOptions
	verb := &cobra.Command{
		Use:   "logs [flags] NAME...",
		Short: "Print what groups have written",
		Long: `Logs prints what the commands of groups have written, and what is kept of it: what
was written to standard output there to standard output, and what was written to standard
error, as well as what procgroup has to say, to standard error. Of several groups each line
has the name in front, and the lines come in the order of their times.

--stream chooses among the lines that --tail leaves. With --follow an interrupt (Ctrl-C)
ends the program as it ends others: a shell tells the status 130. A reader who goes away,
such as head, ends it quietly.

` + namesHelp,
		Example: `  procgroup logs --follow --tail 20 web
  procgroup logs --since 10m --stream stderr web worker`,
		Args:              needNames,
		RunE:              o.run,
		ValidArgsFunction: completeNames(func(info control.Info) bool { return info.Log != "" }),
	}
	f := verb.Flags()
	f.SortFlags = false
	f.BoolVarP(&o.Follow, "follow", "f", false, "go on with what comes, until the group has ended")
	f.Var(tailValue(&o.Tail), "tail", "only `N` lines at the end of each log, or all")
	f.Var(sinceValue(&o.Since), "since", "only lines from `T` on: a time (RFC 3339), or how long ago, such as 10m")
	f.BoolVarP(&o.timestamps, "timestamps", "t", false, "put the time in front of each line")
	f.Var(streamValue(&o.stream), "stream", "only the lines of `S`: stdout, stderr or procgroup")
	f.BoolVar(&o.asJSON, "json", false, "print JSON, an object a line")
	verb.MarkFlagsMutuallyExclusive("json", "timestamps")
	if err := verb.RegisterFlagCompletionFunc("stream",
		cobra.FixedCompletions(streamChoices, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // there is no such flag
	}
	return verb
}

func (o *logsOptions) run(verb *cobra.Command, names []string) error {
	failures := failures{w: verb.ErrOrStderr()}
	p := logPrinter{
		out: &logWriter{w: verb.OutOrStdout()}, err: &logWriter{w: verb.ErrOrStderr()},
		named: len(names) > 1, timestamps: o.timestamps, asJSON: o.asJSON,
	}
	logs, closeAll := openLogs(verb.Context(), names, o.LogOptions, &failures)
	defer closeAll()
	follow := mergeLogs
	if o.Follow {
		follow = joinLogs
	}
	for line, err := range follow(verb.Context(), logs) {
		if err != nil {
			failures.add(line.name, err)
			continue
		}
		if o.stream != "" && line.Stream != o.stream {
			continue
		}
		if err := p.print(line); err != nil {
			if isClosedPipe(err) {
				return nil
			}
			return failed(err)
		}
	}
	if err := p.end(); err != nil && !isClosedPipe(err) {
		return failed(err)
	}
	return failures.err()
}

// tailValue is a number of lines, or all.
func tailValue(tail *procgroup.Optional[int]) *value {
	return &value{kind: "lines", text: "all", read: func(text string) (err error) {
		*tail, err = parseTail(text)
		return err
	}}
}

func parseTail(text string) (procgroup.Optional[int], error) {
	if text == "all" {
		return procgroup.Optional[int]{}, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return procgroup.Optional[int]{}, errors.New("must be a number of lines, or all")
	}
	return procgroup.Optional[int]{V: n, Valid: true}, nil
}

// sinceValue is a moment.
func sinceValue(since *time.Time) *value {
	return &value{kind: "time", read: func(text string) (err error) {
		*since, err = parseSince(text, time.Now())
		return err
	}}
}

// parseSince reads a time, or how long it is ago.
func parseSince(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil {
		if d < 0 {
			return time.Time{}, errors.New("must not be negative")
		}
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, errors.New("must be a time such as 2006-01-02T15:04:05Z, or how long ago, such as 10m")
	}
	return t, nil
}

var streamChoices = []string{string(control.Stdout), string(control.Stderr), string(control.Procgroup)}

func streamValue(stream *control.Stream) *value {
	return &value{kind: "stream", read: func(text string) error {
		switch s := control.Stream(text); s {
		case control.Stdout, control.Stderr, control.Procgroup:
			*stream = s
			return nil
		default:
			return fmt.Errorf("no stream is called %q", text)
		}
	}}
}
