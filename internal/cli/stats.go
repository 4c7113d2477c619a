package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/procgroup/procgroup/control"
)

// statsOptions are the flags of the verb stats.
type statsOptions struct {
	once, asJSON bool
	interval     time.Duration
}

func newStats() *cobra.Command {
	o := statsOptions{interval: time.Second}
	verb := &cobra.Command{
		Use:   "stats [flags] [NAME...]",
		Short: "Show what groups use",
		Long: `Stats shows what each group uses, until all of them have ended: those that are named,
or else all there are. On a terminal the table is drawn again and again; elsewhere, and
with --json, each sample is a line of its own for each group.

CPU% is how much of one processor the group has used since the sample before. READ and
WRITTEN are those of block devices; on Windows they are those of all files, pipes and
sockets. What cannot be told is "-".

` + namesHelp,
		RunE: func(verb *cobra.Command, names []string) error {
			if o.interval == 0 {
				return errors.New("--interval must not be 0")
			}
			return o.run(verb, names)
		},
		ValidArgsFunction: completeNames(isLive),
	}
	f := verb.Flags()
	f.SortFlags = false
	f.BoolVar(&o.once, "once", false, "take one sample only")
	f.BoolVar(&o.asJSON, "json", false, "print JSON, an object a line")
	f.Var(durationValue(&o.interval), "interval", "take a sample every `D`")
	return verb
}

func (o *statsOptions) run(verb *cobra.Command, names []string) error {
	ctx, out := verb.Context(), verb.OutOrStdout()
	failures := failures{w: verb.ErrOrStderr()}
	show, tell := o.output(out), failures.add
	if _, redraws := show.(*redrawnStats); redraws {
		tell = func(string, error) {} // an empty row tells it
	}
	s := sampler{}
	defer s.close()
	for _, name := range names {
		if err := s.add(ctx, name); err != nil {
			failures.add(name, err)
		}
	}
	tick := time.NewTicker(o.interval)
	defer tick.Stop()
	for {
		if len(names) == 0 {
			if err := s.addLive(ctx); err != nil {
				return failed(err)
			}
		}
		if err := show.write(s.sample(ctx, tell)); err != nil {
			return failed(err)
		}
		if o.once || s.empty() {
			return failures.err()
		}
		<-tick.C
	}
}

// statsOutput is how samples are shown.
type statsOutput interface {
	write(samples []sample) error
}

func (o *statsOptions) output(w io.Writer) statsOutput {
	switch {
	case o.asJSON:
		return &jsonStats{json.NewEncoder(w)}
	case !o.once && isTerminal(w) && canRedraw(w):
		return &redrawnStats{w: w}
	default:
		return &plainStats{w: w}
	}
}

// jsonStats prints an object a line.
type jsonStats struct{ enc *json.Encoder }

func (j *jsonStats) write(samples []sample) error {
	for _, s := range samples {
		if err := j.enc.Encode(s); err != nil {
			return err
		}
	}
	return nil
}

// plainStats prints a table that becomes longer and longer.
type plainStats struct {
	w      io.Writer
	headed bool
}

func (p *plainStats) write(samples []sample) error {
	err := writeStats(p.w, samples, !p.headed)
	p.headed = true
	return err
}

// redrawnStats draws a table over the one before.
type redrawnStats struct {
	w     io.Writer
	lines int // of the table before
}

func (r *redrawnStats) write(samples []sample) error {
	var table bytes.Buffer
	if err := writeStats(&table, samples, true); err != nil {
		return err
	}
	columns, rows := terminalSize(r.w)
	lines := strings.Split(strings.TrimRight(table.String(), "\n"), "\n")
	if rows > 1 {
		lines = lines[:min(len(lines), rows-1)] // what has scrolled away cannot be drawn over
	}
	var out strings.Builder
	if r.lines > 0 {
		fmt.Fprintf(&out, linesUp, r.lines)
	}
	out.WriteString(eraseBelow)
	for _, line := range lines {
		out.WriteString(cut(line, columns-1, "") + "\n")
	}
	r.lines = len(lines)
	_, err := io.WriteString(r.w, out.String())
	return err
}

// writeStats writes a table. Its columns are so wide that they seldom change from one sample to
// the next.
func writeStats(w io.Writer, samples []sample, headed bool) error {
	table := tabwriter.NewWriter(w, 12, 8, 2, ' ', 0)
	if headed {
		fmt.Fprintln(table, "NAME\tCPU%\tCPU-TIME\tMEMORY\tPEAK\tPROCESSES\tTHREADS\tREAD\tWRITTEN")
	}
	for _, s := range samples {
		cpu := "-"
		if s.cpu.Valid {
			cpu = fmt.Sprintf("%.1f%%", s.cpu.V)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			nameOf(control.Info{ID: s.ID, Name: s.Name}), cpu, cpuText(cpuTime(s.User, s.System)),
			sizeText(s.Memory), sizeText(s.MemoryPeak), s.Processes, s.Threads,
			sizeText(s.ReadBytes), sizeText(s.WriteBytes))
	}
	return table.Flush()
}
