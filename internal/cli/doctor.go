package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/procgroup/procgroup"
)

// diagnosis is what "procgroup doctor --json" prints.
type diagnosis struct {
	OS   string `json:"os"`
	Arch string `json:"arch"`

	// Auto is the containment that a group gets if none is asked for; "" if none works.
	Auto string `json:"auto"`

	// Containments are those that this system knows, strongest first.
	Containments []finding `json:"containments"`
}

// finding is what was found out about a containment.
type finding struct {
	Name       string   `json:"name"`
	Works      bool     `json:"works"`
	Guarantees []string `json:"guarantees"`       // where it works; never null
	Reason     string   `json:"reason,omitempty"` // why it does not work
}

func newDoctor() *cobra.Command {
	asJSON := false
	verb := &cobra.Command{
		Use:   "doctor",
		Short: "Tell what can hold a group on this machine",
		Long: `Doctor tries each containment that this system knows, and tells whether it works
here, what it guarantees, and why it does not work. A star marks the one that a group
gets if none is asked for.

Exit status: 0 if a containment works, else 1.`,
		Args: cobra.NoArgs,
		RunE: func(verb *cobra.Command, _ []string) error {
			d := diagnose(procgroup.Survey())
			write := d.writeTable
			if asJSON {
				write = d.writeJSON
			}
			if err := write(verb.OutOrStdout()); err != nil {
				return failed(err)
			}
			if d.Auto == "" {
				return &exitError{status: 1}
			}
			return nil
		},
	}
	verb.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return verb
}

func diagnose(survey []procgroup.Support) diagnosis {
	d := diagnosis{OS: runtime.GOOS, Arch: runtime.GOARCH, Containments: []finding{}}
	for _, s := range survey {
		f := finding{Name: s.Containment.String(), Works: s.Err == nil, Guarantees: []string{}}
		if s.Guarantees != 0 {
			f.Guarantees = strings.Split(s.Guarantees.String(), ",")
		}
		if s.Err != nil {
			f.Reason = oneLine(s.Err)
		} else if d.Auto == "" {
			d.Auto = f.Name
		}
		d.Containments = append(d.Containments, f)
	}
	return d
}

func (d diagnosis) writeJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(d)
}

func (d diagnosis) writeTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, " \tCONTAINMENT\tWORKS\tGUARANTEES")
	for _, f := range d.Containments {
		mark, works, guarantees := " ", "no", "none"
		if f.Name == d.Auto {
			mark = "*"
		}
		if f.Works {
			works = "yes"
		}
		if len(f.Guarantees) > 0 {
			guarantees = strings.Join(f.Guarantees, " ")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", mark, f.Name, works, guarantees)
	}
	return errors.Join(table.Flush(), d.writeReasons(w))
}

// writeReasons tells in words what is missing.
func (d diagnosis) writeReasons(w io.Writer) error {
	var errs []error
	line := func(format string, args ...any) {
		_, err := fmt.Fprintf(w, "\n"+format+"\n", args...)
		errs = append(errs, err)
	}
	for _, f := range d.Containments {
		if !f.Works {
			line("%s does not work here: %s", f.Name, f.Reason)
		}
	}
	if d.Auto == "" {
		line("No containment works here (%s/%s): procgroup cannot run commands.", d.OS, d.Arch)
	}
	return errors.Join(errs...)
}
