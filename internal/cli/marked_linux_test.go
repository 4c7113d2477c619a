package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// marked returns the processes that have the mark in their arguments, but for detached runs, which
// end a moment after their groups.
func marked(mark string) []int {
	var found []int
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err == nil && bytes.Contains(line, []byte(mark)) && !bytes.Contains(line, []byte(daemonFlag)) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			found = append(found, pid)
		}
	}
	return found
}
