//go:build !(linux || darwin || freebsd || netbsd || openbsd)

package cli

import (
	"errors"
	"os"
	"strings"
	"syscall"
)

// passedOn are the signals that go on to the group. Windows makes them of Ctrl-C and of
// the end of the console (os/signal), and there are no others.
var (
	passedOn    = []os.Signal{os.Interrupt, syscall.SIGTERM}
	everySignal = passedOn
)

// There is no job control.
var jobSignals, brokenPipe []os.Signal

var wakeSignal os.Signal

func isStop(os.Signal) bool { return false }

// parseSignal reads the name of a signal, with or without SIG.
func parseSignal(text string) (syscall.Signal, error) {
	switch strings.TrimPrefix(strings.ToUpper(text), "SIG") {
	case "INT":
		return syscall.SIGINT, nil
	case "TERM":
		return syscall.SIGTERM, nil
	case "KILL":
		return syscall.SIGKILL, nil
	}
	return 0, errors.New("the signals of this system are INT, TERM and KILL")
}

func signalName(sig syscall.Signal) string { return sig.String() }

// commandStatus returns the exit status of a command.
func commandStatus(state *os.ProcessState) int { return state.ExitCode() }

// orphaned is never asked, and stopSelf never called: there is no job control.
func orphaned() bool { return true }

func stopSelf(syscall.Signal, bool) {}
