//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup_test

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// ways are the ways in which payloads start others. One that is started in the way away
// wants to be left alone.
var ways = map[string]*syscall.SysProcAttr{
	"plain":   nil,
	"setsid":  {Setsid: true},
	"setpgid": {Setpgid: true},
}

const away = "setsid"

// harmless is a signal that ends nobody who handles it, and askedToEnd the one by which
// Terminate asks.
const (
	harmless   = syscall.SIGUSR1
	askedToEnd = syscall.SIGTERM
)

func init() {
	payloads["stopped"] = payloadStopped
	if _, ok := payloads["stopself"]; !ok { // this system has no better one
		payloads["stopself"] = func([]string) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
			say("woken")
			park()
		}
	}
}

// handOn gives a command the two pipes, for a payload that it runs: as descriptors 3 and 4.
func handOn(cmd *exec.Cmd, tell, listen *os.File) { cmd.ExtraFiles = []*os.File{tell, listen} }

// inherited returns one of the two.
func inherited(i int) *os.File { return os.NewFile(uintptr(3+i), "inherited") }

// handExtra gives a command another file, with the attributes that are returned.
func handExtra(cmd *exec.Cmd, file *os.File) *syscall.SysProcAttr {
	cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	return &syscall.SysProcAttr{}
}

// inheritedExtra returns that.
func inheritedExtra() *os.File { return inherited(2) }

// payloadStopped starts a child that stops itself, and is ready when it has.
func payloadStopped([]string) {
	child := spawn(nil, []string{"stopself"})
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(child.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		panic(fmt.Sprintln("child did not stop:", status, err))
	}
	fmt.Fprintf(told(), "ready %d\n", child.Process.Pid)
	park()
}

// cpuTime returns how long this process has used the CPU for itself.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano())
}
