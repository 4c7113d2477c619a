package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/template"
	"text/template/parse"
	"unicode"

	"github.com/procgroup/procgroup/control"
)

// templateHelp tells in the help of a verb what a template is.
const templateHelp = `A template is one of Go's package text/template over the fields that --json shows, such as
{{.ID}}, {{.Name}}, {{.State}}, {{.Leader}} or {{.Exit.Status}}. The functions json, join,
lower and upper are there as well. \t and \n outside of the braces are a tab and a line
break. With "table " in front, tabs part columns, and there is a heading.`

// rowFormat is a template that is written once for each run. The zero value was not given.
type rowFormat struct {
	row     *template.Template
	heading string // of a table; "" if it is none
}

var templateFuncs = template.FuncMap{
	"json": func(v any) (string, error) {
		text, err := json.Marshal(v)
		return string(text), err
	},
	"join":  strings.Join,
	"lower": func(v any) string { return strings.ToLower(fmt.Sprint(v)) },
	"upper": func(v any) string { return strings.ToUpper(fmt.Sprint(v)) },
}

// parseFormat reads what --format says.
func parseFormat(text string) (rowFormat, error) {
	body, isTable := strings.CutPrefix(text, "table ")
	row, err := template.New("format").Funcs(templateFuncs).Parse(body)
	if err != nil {
		return rowFormat{}, err
	}
	if row.Tree == nil || parse.IsEmptyTree(row.Root) {
		return rowFormat{}, errors.New("the template is empty")
	}
	for _, t := range row.Templates() {
		unescapeText(t.Root)
	}
	f := rowFormat{row: row}
	if isTable {
		f.heading = heading(row.Root)
	}
	return f, nil
}

// value returns the format as the value of a flag.
func (f *rowFormat) value() *value {
	return &value{kind: "template", read: func(text string) (err error) {
		*f, err = parseFormat(text)
		return err
	}}
}

func (f *rowFormat) given() bool { return f.row != nil }

// write writes a line for each run, or nothing if there is an error.
func (f *rowFormat) write(w io.Writer, infos []control.Info) error {
	var out bytes.Buffer
	table := newTable(&out)
	var rows io.Writer = &out
	if f.heading != "" {
		rows = table
		fmt.Fprintln(rows, f.heading)
	}
	for _, info := range infos {
		if err := f.row.Execute(rows, info); err != nil {
			return fmt.Errorf("--format: %w", err)
		}
		fmt.Fprintln(rows)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := w.Write(out.Bytes())
	return err
}

var escapes = strings.NewReplacer(`\t`, "\t", `\n`, "\n")

// unescapeText makes tabs and line breaks of what stands for them: in a shell's single quotes they
// cannot be written.
func unescapeText(node parse.Node) {
	switch n := node.(type) {
	case *parse.TextNode:
		n.Text = []byte(escapes.Replace(string(n.Text)))
	case *parse.ListNode:
		if n != nil { // there is no else
			for _, child := range n.Nodes {
				unescapeText(child)
			}
		}
	case *parse.IfNode:
		unescapeBranch(&n.BranchNode)
	case *parse.RangeNode:
		unescapeBranch(&n.BranchNode)
	case *parse.WithNode:
		unescapeBranch(&n.BranchNode)
	}
}

func unescapeBranch(n *parse.BranchNode) {
	unescapeText(n.List)
	unescapeText(n.ElseList)
}

// heading returns the first row of a table: what is between the columns, and the names of the
// fields that are in them.
func heading(root *parse.ListNode) string {
	var b strings.Builder
	for _, node := range root.Nodes {
		switch n := node.(type) {
		case *parse.TextNode:
			b.Write(n.Text)
		case *parse.ActionNode:
			b.WriteString(fieldName(n.Pipe))
		}
	}
	return b.String()
}

// fieldName returns the name of the first field in a pipe, as a heading: "EXIT STATUS" for
// .Exit.Status.
func fieldName(pipe *parse.PipeNode) string {
	for _, command := range pipe.Cmds {
		for _, arg := range command.Args {
			if field, ok := arg.(*parse.FieldNode); ok {
				words := make([]string, len(field.Ident))
				for i, ident := range field.Ident {
					words[i] = spaced(ident)
				}
				return strings.ToUpper(strings.Join(words, " "))
			}
		}
	}
	return ""
}

// spaced parts the words of an identifier: NextStart is "Next Start".
func spaced(ident string) string {
	var b strings.Builder
	lower := false
	for _, r := range ident {
		if unicode.IsUpper(r) && lower {
			b.WriteByte(' ')
		}
		lower = unicode.IsLower(r)
		b.WriteRune(r)
	}
	return b.String()
}
