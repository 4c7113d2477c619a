//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd)

package cli

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/procgroup/procgroup"
)

// passedOn are the signals that go on to the group. On Windows package os/signal makes
// os.Interrupt of Ctrl-C and Ctrl-Break, and SIGTERM of the end of the console, a logoff and
// a shutdown; there are no others. For systems without a containment this has to compile.
var (
	passedOn    = []os.Signal{os.Interrupt, syscall.SIGTERM}
	everySignal = passedOn
)

// There is no job control, and no signal for a pipe that nobody reads.
var jobSignals, brokenPipe []os.Signal

var wakeSignal os.Signal

func isStop(os.Signal) bool { return false }

// send sends a signal to a whole group. There is no SIGTERM to be sent on Windows, but what it
// asks for can be.
func send(g *procgroup.Group, sig os.Signal) error {
	if sig == syscall.SIGTERM {
		return g.Terminate()
	}
	return g.Signal(sig)
}

// The signals that can be sent, and their names.
var (
	sendable      = []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGKILL}
	signalChoices = []string{"TERM", "INT", "KILL"}
)

// parseSignal reads the name of a signal, with or without SIG, or its number.
func parseSignal(text string) (syscall.Signal, error) {
	name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
	for i, sig := range sendable {
		if name == signalChoices[i] || name == strconv.Itoa(int(sig)) {
			return sig, nil
		}
	}
	return 0, fmt.Errorf("the signals of this system are %s", strings.Join(signalChoices, ", "))
}

// signalName returns a signal's name without SIG.
func signalName(sig syscall.Signal) string {
	if i := slices.Index(sendable, sig); i >= 0 {
		return signalChoices[i]
	}
	return strconv.Itoa(int(sig))
}

// commandStatus returns the exit status of a command. On Windows it has 32 bits.
func commandStatus(state *os.ProcessState) int { return state.ExitCode() }

// endSignal returns "": signals end no command here.
func endSignal(*os.ProcessState) string { return "" }

// orphaned is never asked, and stopSelf never called: there is no job control.
func orphaned() bool { return true }

func stopSelf(syscall.Signal, bool) {}
