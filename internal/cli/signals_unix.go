//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup"
)

// passedOn are the signals that run passes on to the group.
var passedOn = []os.Signal{
	unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH,
}

// everySignal are those that init passes on: all but the kept.
var everySignal = func() []os.Signal {
	var signals []os.Signal
	for sig := syscall.Signal(1); sig <= maxSignal; sig++ {
		if !slices.Contains(kept, sig) {
			signals = append(signals, sig)
		}
	}
	return signals
}()

// kept are the signals that go on to nobody.
var kept = []syscall.Signal{
	unix.SIGKILL, unix.SIGSTOP, // nobody can catch them
	unix.SIGCHLD, unix.SIGPIPE, // about children and pipes of our own
	unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGTRAP, unix.SIGSYS, // a fault of our own
	unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU, // about jobs: see terminal
	unix.SIGURG, unix.SIGPROF, // the Go runtime's own
	32, 33, 34, // C libraries use them for threads on Linux; package os/signal does not catch them
}

// jobSignals are those with which a terminal or a shell stops a job.
var jobSignals = []os.Signal{unix.SIGTSTP}

var brokenPipe = []os.Signal{unix.SIGPIPE}

// wakeSignal lets a stopped process run, nil where there is no such signal.
var wakeSignal os.Signal = unix.SIGCONT

func isStop(sig os.Signal) bool { return sig == unix.SIGTSTP }

// send sends a signal to a whole group.
func send(g *procgroup.Group, sig os.Signal) error { return g.Signal(sig) }

// signalChoices are the signals that shells complete.
var signalChoices = []string{"TERM", "INT", "HUP", "QUIT", "KILL", "USR1", "USR2"}

// maxSignal is the highest number of a signal on these systems: Linux has 64.
const maxSignal = 64

// parseSignal reads the name of a signal, with or without SIG, or its number.
func parseSignal(text string) (syscall.Signal, error) {
	if number, err := strconv.Atoi(text); err == nil {
		if number < 1 || number > maxSignal {
			return 0, fmt.Errorf("signals have the numbers 1 to %d", maxSignal)
		}
		return syscall.Signal(number), nil
	}
	name := strings.ToUpper(text)
	if sig := unix.SignalNum("SIG" + strings.TrimPrefix(name, "SIG")); sig != 0 {
		return sig, nil
	}
	return 0, errors.New("no signal has this name")
}

// signalName returns a signal's name without SIG, or its number.
func signalName(sig syscall.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return strings.TrimPrefix(name, "SIG")
	}
	return strconv.Itoa(int(sig))
}

// commandStatus returns the exit status of a command as a shell tells it.
func commandStatus(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok {
		return shellStatus(status)
	}
	return state.ExitCode()
}

// endSignal returns the name of the signal that has ended a command, "" if none has.
func endSignal(state *os.ProcessState) string {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return signalName(status.Signal())
	}
	return ""
}

// shellStatus returns the status of a process that has ended.
func shellStatus(status syscall.WaitStatus) int {
	if status.Signaled() {
		return statusSignalBase + int(status.Signal())
	}
	return status.ExitStatus()
}
