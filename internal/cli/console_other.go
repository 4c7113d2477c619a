//go:build !windows

package cli

import (
	"cmp"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
)

// canRedraw reports whether a terminal does what it reads.
func canRedraw(io.Writer) bool { return os.Getenv("TERM") != "dumb" }

// showsUTF8 reports whether the locale has more than ASCII (locale(7)).
func showsUTF8() bool {
	locale := cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_CTYPE"), os.Getenv("LANG"))
	locale = strings.ReplaceAll(strings.ToLower(locale), "-", "")
	return strings.Contains(locale, "utf8")
}

// isClosedPipe reports whether nobody reads any more what was written. That ends the program, by
// SIGPIPE, unless it was started to ignore that.
func isClosedPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
