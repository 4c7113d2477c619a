package cli

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/windows"
)

// canRedraw lets a console do what it reads, and reports whether it does: Windows 10 1511 and
// later.
func canRedraw(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	var mode uint32
	if err := windows.GetConsoleMode(windows.Handle(f.Fd()), &mode); err != nil {
		return false
	}
	mode |= windows.ENABLE_PROCESSED_OUTPUT | windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING
	return windows.SetConsoleMode(windows.Handle(f.Fd()), mode) == nil
}

// showsUTF8 is always true: what goes to a console is converted.
func showsUTF8() bool { return true }

// isClosedPipe reports whether nobody reads any more what was written.
func isClosedPipe(err error) bool {
	return errors.Is(err, windows.ERROR_NO_DATA) || errors.Is(err, windows.ERROR_BROKEN_PIPE)
}
