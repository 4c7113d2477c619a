package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
)

// groupProcesses is what "procgroup tree --json" prints of a group.
type groupProcesses struct {
	ID        string            `json:"id"`
	Name      string            `json:"name,omitempty"`
	Processes []control.Process `json:"processes"` // never null
}

func newTree() *cobra.Command {
	asJSON := false
	verb := &cobra.Command{
		Use:   "tree [flags] NAME...",
		Short: "Show who started whom in groups",
		Long: `Tree shows the processes of each group below those that started them: number, state
if it is stopped or blocked, CPU time, memory and command. Those whose parent is not in the
group, or has ended, stand at the left. On a terminal long lines are cut off.

` + namesHelp,
		Args: needNames,
	}
	verb.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	verb.RunE = func(verb *cobra.Command, names []string) error {
		failures := failures{w: verb.ErrOrStderr()}
		out := verb.OutOrStdout()
		drawing := drawingFor(out)
		groups := []groupProcesses{}
		for a := range ask(verb.Context(), names, listProcesses) {
			if a.err != nil {
				failures.add(a.name, a.err)
				continue
			}
			groups = append(groups, a.value)
			if asJSON {
				continue
			}
			if err := drawing.write(out, a.name, a.value.Processes); err != nil {
				return failed(err)
			}
		}
		if asJSON {
			if err := writeJSON(out, groups); err != nil {
				return failed(err)
			}
		}
		return failures.err()
	}
	verb.ValidArgsFunction = completeNames(isLive)
	return verb
}

func listProcesses(ctx context.Context, _ string, run *control.Run) (groupProcesses, error) {
	info, err := run.Info(ctx)
	if err != nil {
		return groupProcesses{}, err
	}
	processes, err := run.Processes(ctx)
	if processes == nil {
		processes = []control.Process{}
	}
	return groupProcesses{info.ID, info.Name, processes}, err
}

// drawing is how trees are drawn.
type drawing struct {
	branch, last, through string // in front of a child, of the last child, and of who is below another child
	ellipsis              string
	width                 int // of a line; 0 is no limit
}

var (
	boxDrawing   = drawing{branch: "├─ ", last: "└─ ", through: "│  ", ellipsis: "…"}
	asciiDrawing = drawing{branch: "|- ", last: "`- ", through: "|  ", ellipsis: "..."}
)

// drawingFor returns how trees look best there.
func drawingFor(w io.Writer) drawing {
	d := asciiDrawing
	if showsUTF8() {
		d = boxDrawing
	}
	if isTerminal(w) {
		d.width = terminalWidth(w)
	}
	return d
}

// write draws the tree of a group below a line with its name.
func (d drawing) write(w io.Writer, title string, processes []control.Process) error {
	if _, err := fmt.Fprintln(w, title); err != nil {
		return err
	}
	return d.writeBelow(w, newFamily(processes), noParent, "")
}

// writeBelow draws the children of a process, and all who are below them.
func (d drawing) writeBelow(w io.Writer, f family, parent int, indent string) error {
	children := f.children[parent]
	for i, child := range children {
		mark, below := d.branch, d.through
		if i == len(children)-1 {
			mark, below = d.last, "   "
		}
		line := strings.TrimRight(cut(indent+mark+processText(f.processes[child]), d.width, d.ellipsis), " ")
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
		if err := d.writeBelow(w, f, child, indent+below); err != nil {
			return err
		}
	}
	return nil
}

// processText describes a process on one line.
func processText(p control.Process) string {
	text := fmt.Sprint(p.PID)
	if p.State == procgroup.Stopped || p.State == procgroup.Blocked {
		text += " [" + string(p.State) + "]"
	}
	command := commandText(p.Command)
	if command == "" {
		command = "(" + printable(p.Name) + ")" // as ps(1) has it
	}
	return fmt.Sprintf("%s %s %s %s", text, cpuText(cpuTime(p.User, p.System)), sizeText(p.Memory), command)
}

// family tells who is whose child, by their places among the processes.
type family struct {
	processes []control.Process
	children  map[int][]int
}

// noParent has those as children whose parent is not there.
const noParent = -1

// newFamily finds out who is whose child. The processes were not looked at in one moment: a
// number may have become another process's meanwhile, so that it may be there twice, and
// parents may even form a circle.
func newFamily(processes []control.Process) family {
	f := family{processes: slices.Clone(processes), children: make(map[int][]int)}
	slices.SortStableFunc(f.processes, func(a, b control.Process) int {
		return cmp.Or(a.StartTime.Compare(b.StartTime), cmp.Compare(a.PID, b.PID))
	})
	byNumber := make(map[int][]int)
	for i, p := range f.processes {
		byNumber[p.PID] = append(byNumber[p.PID], i)
	}
	parents := make([]int, len(f.processes))
	for i, p := range f.processes {
		parents[i] = noParent
		for _, candidate := range byNumber[p.Parent] {
			// A parent is older than its child. Of two with its number it is the younger.
			if candidate != i && !f.processes[candidate].StartTime.After(p.StartTime) {
				parents[i] = candidate
			}
		}
	}
	breakCircles(parents)
	for i, parent := range parents {
		f.children[parent] = append(f.children[parent], i)
	}
	return f
}

// breakCircles makes one of each circle of parents one without a parent.
func breakCircles(parents []int) {
	const unseen = 0
	seenBy := make([]int, len(parents)) // which walk from child to parent has come by
	for start := range parents {
		walk := start + 1
		i := start
		for i != noParent && seenBy[i] == unseen {
			seenBy[i] = walk
			i = parents[i]
		}
		if i != noParent && seenBy[i] == walk {
			parents[i] = noParent
		}
	}
}
