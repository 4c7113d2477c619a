package cli

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/procgroup/procgroup/control"
)

// psOptions are the flags of the verb ps.
type psOptions struct {
	all, quiet, asJSON, noTrunc bool

	filters filters
	format  rowFormat
}

func newPs() *cobra.Command {
	var o psOptions
	verb := &cobra.Command{
		Use:   "ps [flags]",
		Short: "List the groups that run holds",
		Long: `Ps lists the groups of this user that 'procgroup run' holds, and with --all those that
have ended and are remembered. A run that was killed before it could end is "dead": it is
listed once, and then forgotten.

A filter is one of
  name=PATTERN      of the whole name, with *, ? and [...]
  id=BEGINNING
  state=STATE       starting, running, paused, stopping, restarting, exited, dead, silent
  containment=C     cgroup, reaper, session, job
  ready=BOOL        of those that wait until they are ready: true or false
  detached=BOOL
Filters of the same kind are alternatives, those of different kinds must all hold. Whoever
asks for the state exited need not say --all.

` + templateHelp,
		Example: `  procgroup ps --all --filter name='web*'
  procgroup ps --format 'table {{.Name}}\t{{.State}}\t{{join .Command " "}}'`,
		Args: cobra.NoArgs,
		RunE: func(verb *cobra.Command, _ []string) error {
			infos, err := control.List(verb.Context())
			if infos == nil && err != nil {
				return failed(err)
			}
			infos = slices.DeleteFunc(infos, func(info control.Info) bool { return !o.shows(info) })
			return failed(errors.Join(o.write(verb.OutOrStdout(), infos), err))
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := verb.Flags()
	f.SortFlags = false
	f.BoolVarP(&o.all, "all", "a", false, "also those that have ended")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print ids only")
	f.Var(o.filters.value(), "filter", "only those for which `K=V` holds; repeatable")
	f.Var(o.format.value(), "format", "print each by the template `T`")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
	f.BoolVar(&o.noTrunc, "no-trunc", false, "print commands as long as they are")
	verb.MarkFlagsMutuallyExclusive("quiet", "format", "json")
	if err := verb.RegisterFlagCompletionFunc("filter", completeFilter); err != nil {
		panic(err) // there is no such flag
	}
	return verb
}

// shows reports whether a run is listed. One that is dead is told of only once.
func (o *psOptions) shows(info control.Info) bool {
	if info.State == control.Exited && !o.all && !o.filters.has("state") {
		return false
	}
	return o.filters.match(info)
}

func (o *psOptions) write(w io.Writer, infos []control.Info) error {
	switch {
	case o.asJSON:
		if infos == nil {
			infos = []control.Info{}
		}
		return writeJSON(w, infos)
	case o.format.given():
		return o.format.write(w, infos)
	case o.quiet:
		for _, info := range infos {
			if _, err := fmt.Fprintln(w, info.ID); err != nil {
				return err
			}
		}
		return nil
	default:
		return writePs(w, infos, time.Now(), o.noTrunc)
	}
}

// commandWidth is how much of a command ps shows.
const commandWidth = 40

func writePs(w io.Writer, infos []control.Info, now time.Time, noTrunc bool) error {
	table := newTable(w)
	fmt.Fprintln(table, "ID\tNAME\tSTATE\tPID\tCONTAINMENT\tCOMMAND")
	for _, info := range infos {
		command := commandText(info.Command)
		if !noTrunc {
			command = cut(command, commandWidth, "...")
		}
		pid := "-"
		if info.Leader != 0 {
			pid = strconv.Itoa(info.Leader)
		}
		name := info.Name
		if name == "" {
			name = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", info.ID, name, stateText(info, now), pid, info.Containment, command)
	}
	return table.Flush()
}

// stateText tells in words what a run is doing.
func stateText(info control.Info, now time.Time) string {
	switch info.State {
	case control.Running:
		return "up " + ago(now.Sub(info.Started)) + readyText(info)
	case control.Restarting:
		return restartText(info, now)
	case control.Exited:
		if info.Exit == nil {
			return "ended " + ago(now.Sub(info.Ended)) + " ago"
		}
		return fmt.Sprintf("exited (%d) %s ago", info.Exit.Status, ago(now.Sub(info.Ended)))
	case control.Silent:
		return "does not answer"
	default:
		return printable(string(info.State))
	}
}

// readyText says whether a run is ready that has something to wait for.
func readyText(info control.Info) string {
	switch {
	case !info.Ready.Valid:
		return ""
	case info.Ready.V:
		return " (ready)"
	default:
		return " (not ready)"
	}
}

// restartText tells of a command that has ended and will be started again.
func restartText(info control.Info, now time.Time) string {
	text := "restarting"
	if info.Failures > 0 {
		text = "crashing: 1 failure"
		if info.Failures > 1 {
			text = fmt.Sprintf("crashing: %d failures", info.Failures)
		}
	}
	if info.Exit != nil {
		text += fmt.Sprintf(", exit %d", info.Exit.Status)
	}
	if wait := info.NextStart.Sub(now); wait > 0 {
		text += fmt.Sprintf(", next start in %.0f s", math.Ceil(wait.Seconds()))
	}
	return text
}
