//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/procgroup/procgroup/internal/proctable"
)

// graceOfHandlers is the grace where all members end when they are asked to: so long that a
// test fails in which they were not.
const graceOfHandlers = patience

// few reports whether a test of very many processes is to do with few.
func few(*testing.T) bool { return testing.Short() }

// needsHandlers is called by tests in which members handle what asks them to end.
func needsHandlers(*testing.T) {}

// waysToHear are the ways that do not keep a member from hearing of os.Interrupt.
var waysToHear = []string{"setsid", "setpgid"}

// politely is a payload that ends with 7 if it is asked to, by askPolitely.
var politely = []string{"handle"}

func (*fixture) askPolitely(p *os.Process) error { return p.Signal(askedToEnd) }

// The errors for programs that cannot be started.
var (
	errNoProgram = fs.ErrNotExist
	errDirectory = fs.ErrPermission
)

// notSignals are what is no signal here, with the error for it.
var notSignals = map[os.Signal]error{
	syscall.Signal(0): os.ErrInvalid, syscall.Signal(-1): os.ErrInvalid, syscall.Signal(1000): os.ErrInvalid,
	notASignal{}: os.ErrInvalid,
}

// cpuIsTold reports whether groups tell how long they have used the CPU.
func cpuIsTold() bool { return true }

// stillFor is how long a paused group is watched, and cpuNoise how long a process may seem
// to use the CPU meanwhile that stands still.
const (
	stillFor = 10 * time.Millisecond
	cpuNoise = 0
)

// looksPaused reports whether a process shows that it is paused. In a cgroup it does not.
func looksPaused(proctable.Details) bool { return true }

// inEnvironment reports whether a process has the mark in its environment, as programs do
// that are no payloads.
func inEnvironment(pid int, mark string) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err == nil && strings.Contains(string(data), payloadEnv+"="+mark)
}

// quick returns a command that ends well at once.
func (f *fixture) quick() *exec.Cmd { return exec.Command("true") }

// sleeper returns a command that stays, and is not heard of.
func (f *fixture) sleeper() *exec.Cmd {
	cmd := exec.Command("sleep", "1000")
	cmd.Env = append(os.Environ(), payloadEnv+"="+f.mark)
	return cmd
}

// wasKilled reports whether Kill has ended a command.
func wasKilled(state *os.ProcessState) bool {
	return state.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
}

func countDescriptors() int {
	names, err := os.ReadDir("/dev/fd")
	if err != nil {
		return 0
	}
	return len(names)
}

func describeDescriptors() []string {
	var list []string
	names, _ := filepath.Glob("/proc/self/fd/*")
	for _, name := range names {
		target, _ := os.Readlink(name)
		list = append(list, filepath.Base(name)+":"+target)
	}
	return list
}
