package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Exit statuses that are not the command's own. They are those of env(1), timeout(1)
// and the shells.
const (
	statusTimeout    = 124 // the time limit ended the command
	statusFailed     = 125 // procgroup itself failed
	statusCannotRun  = 126 // the command was found, but cannot be run
	statusNotFound   = 127 // the command was not found
	statusSignalBase = 128 // and the number of the signal that ended the command
)

// exitError is how a verb ends with a status other than 0. Every other error of a verb
// is taken for a mistake in how the program was called.
type exitError struct {
	status int
	err    error // nil if there is nothing to say
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// failed returns nil for a nil err, and else the error that ends the program with the
// status for its own failures.
func failed(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{statusFailed, err}
}

// report says what went wrong in a verb, and returns the exit status.
func report(stderr io.Writer, verb *cobra.Command, err error) int {
	if err == nil {
		return 0
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		complain(stderr, fmt.Errorf("%w; see '%s --help'", err, verb.CommandPath()))
		return statusFailed
	}
	if exit.err != nil {
		complain(stderr, exit.err)
	}
	return exit.status
}

// complain prints an error on a line of its own. There is nobody to tell if that fails.
func complain(stderr io.Writer, err error) {
	fmt.Fprintf(stderr, "procgroup: %s\n", oneLine(err))
}

// oneLine returns the text of an error without the line breaks of errors.Join, and
// without the name that the library's errors and the program's lines both begin with.
func oneLine(err error) string {
	text := strings.TrimPrefix(err.Error(), "procgroup: ")
	return strings.ReplaceAll(text, "\n", "; ")
}
