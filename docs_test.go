//go:build linux || windows

package procgroup_test

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/procgroup/procgroup"
)

// The tables in the documents say what the suite has seen, and no more: these tests
// hold them against what the other tests expect.

const guaranteesFile = "docs/guarantees.md"

func TestDocumentedScenarios(t *testing.T) {
	doc := document(t, guaranteesFile)
	want := make(table)
	for _, s := range scenarios {
		want[s.name] = make(map[string]string)
		for _, support := range procgroup.Survey() {
			want[s.name][support.Containment.String()] = s.outcome(support.Containment)
		}
	}
	compareTables(t, doc.table("scenario"+tableOfSystem), want)
}

// outcome is what the suite expects of a scenario, as the table says it.
func (s scenario) outcome(c procgroup.Containment) string {
	switch {
	case s.only != procgroup.Auto && s.only != c:
		return "-"
	case slices.Contains(s.unsteady, c):
		return "chance"
	case slices.Contains(s.escapes, c):
		return "escapes"
	}
	return "held"
}

func TestDocumentedGuarantees(t *testing.T) {
	doc := document(t, guaranteesFile)
	want := make(table)
	for bit := procgroup.NoEscape; bit <= procgroup.ResourceLimits; bit <<= 1 {
		want[bit.String()] = make(map[string]string)
		for _, support := range procgroup.Survey() {
			answer := "no"
			if (support.Guarantees | lackedHere()).Has(bit) {
				answer = "yes"
			}
			want[bit.String()][support.Containment.String()] = answer
		}
	}
	compareTables(t, doc.table("guarantee"+tableOfSystem), want)
}

// The code in README.md is part of an example, so that it is compiled and run.
func TestDocumentedCode(t *testing.T) {
	examples := string(document(t, "example_test.go"))
	blocks := document(t, "README.md").code("go")
	if len(blocks) == 0 {
		t.Error("README.md has no Go code")
	}
	for _, block := range blocks {
		if !strings.Contains(examples, block) {
			t.Errorf("this code of README.md is not in example_test.go:\n%s", block)
		}
	}
}

// markdown is the text of a document.
type markdown string

// document reads a file of the repository, which is not there where only the test binary
// was copied to.
func document(t *testing.T, name string) markdown {
	t.Helper()
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not there", name)
	}
	must(t, err)
	return markdown(text)
}

// table has the cells by row and column.
type table map[string]map[string]string

// table returns the table of which the first column has this heading, nil if there is
// none. Rows and columns go by what their first cells say.
func (m markdown) table(heading string) table {
	var columns []string
	var found table
	lines := bufio.NewScanner(strings.NewReader(string(m)))
	for lines.Scan() {
		row := cells(lines.Text())
		switch {
		case columns == nil && len(row) > 0 && row[0] == heading:
			columns, found = row, make(table)
		case columns != nil && len(row) == 0:
			return found
		case columns != nil && strings.Trim(row[0], "-:") != "":
			found[row[0]] = make(map[string]string)
			for i, cell := range row[1:min(len(row), len(columns))] {
				found[row[0]][columns[i+1]] = cell
			}
		}
	}
	return found
}

// cells returns the cells of a line of a table, nil for a line that is none.
func cells(line string) []string {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "|") {
		return nil
	}
	row := strings.Split(strings.Trim(line, "|"), "|")
	for i, cell := range row {
		row[i] = strings.Trim(strings.TrimSpace(cell), "`")
	}
	return row
}

// code returns the blocks of code in a language.
func (m markdown) code(language string) []string {
	var blocks []string
	for _, rest := range strings.Split(string(m), "```"+language+"\n")[1:] {
		block, _, _ := strings.Cut(rest, "```\n")
		blocks = append(blocks, block)
	}
	return blocks
}

// compareTables fails the test for every cell that is missing, wrong or too many.
func compareTables(t *testing.T, got, want table) {
	t.Helper()
	for row, columns := range want {
		for column, cell := range columns {
			if got[row][column] != cell {
				t.Errorf("%s says %q of %q with %s, the suite expects %q",
					guaranteesFile, got[row][column], row, column, cell)
			}
		}
	}
	for row, columns := range got {
		for column, cell := range columns {
			if _, ok := want[row][column]; !ok {
				t.Errorf("%s says %q of %q with %s, of which the suite knows nothing",
					guaranteesFile, cell, row, column)
			}
		}
	}
}
