//go:build !linux

package cli

import (
	"slices"
	"strings"

	"github.com/procgroup/procgroup/internal/proctable"
)

// marked returns the processes that have the mark in their arguments, but for detached runs, which
// end a moment after their groups.
func marked(mark string) []int {
	var found []int
	table, _ := proctable.All()
	for _, entry := range table {
		details, err := proctable.Inspect(entry.ID)
		if err != nil || !entry.Alive() || slices.Contains(details.Command, "--"+daemonFlag) {
			continue
		}
		if slices.ContainsFunc(details.Command, func(arg string) bool { return strings.Contains(arg, mark) }) {
			found = append(found, entry.PID)
		}
	}
	return found
}
