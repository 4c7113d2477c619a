package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// What terminals do when they read it (ECMA-48).
const (
	eraseLine  = "\r\x1b[K" // back to the beginning of the line, and erase that
	eraseBelow = "\r\x1b[J" // the same for all lines from here on
	linesUp    = "\x1b[%dA" // so many lines up
)

// isTerminal reports whether what is written there is shown on a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// terminalSize returns the columns and rows of a terminal, zeros if it is none or does not tell.
func terminalSize(w io.Writer) (columns, rows int) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, 0
	}
	columns, rows, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return columns, rows
}

func terminalWidth(w io.Writer) int {
	columns, _ := terminalSize(w)
	return columns
}
