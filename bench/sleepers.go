//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
)

// sleepersScript makes a shell the first of as many sleeping processes as its argument
// says. They sleep in reading the lifeline, without running another program: that makes
// a thousand of them in a fraction of a second.
const sleepersScript = `
i=1
while [ $i -lt "$1" ]; do
	read -r _ <&3 &
	i=$((i+1))
done
echo ready
read -r _ <&3
`

// lifeline is the pipe that all sleepers read. Nothing is ever written to it: when this
// program ends, however it does, they come to its end and end too.
var lifeline = sync.OnceValues(func() (ends [2]*os.File, err error) {
	ends[0], ends[1], err = os.Pipe()
	return ends, err
})

// shell returns a command that runs a shell script, with the lifeline as descriptor 3.
func shell(script string, args ...string) (*exec.Cmd, error) {
	ends, err := lifeline()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("sh", append([]string{"-c", script, "sh"}, args...)...)
	cmd.ExtraFiles = ends[:1]
	return cmd, nil
}

// startSleepers starts n sleeping processes, of which the returned command is the first
// and the others are its children. It returns when all of them are there.
func startSleepers(n int, start func(*exec.Cmd) error) (*exec.Cmd, error) {
	cmd, err := shell(sleepersScript, strconv.Itoa(n))
	if err != nil {
		return nil, err
	}
	said, err := startAndListen(cmd, start)
	if err == nil && said != "ready\n" {
		err = fmt.Errorf("sleepers said %q", said)
	}
	return cmd, err
}

// startAndListen starts a command and returns the first line that it writes.
func startAndListen(cmd *exec.Cmd, start func(*exec.Cmd) error) (string, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close()
	cmd.Stdout = w
	err = start(cmd)
	w.Close()
	if err != nil {
		return "", err
	}
	said, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("command ended before it said anything: %w", err)
	}
	return said, nil
}

// reap waits for a command that was killed.
func reap(cmd *exec.Cmd) error {
	if cmd == nil || cmd.Process == nil {
		return nil
	}
	err := cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil
	}
	return err
}
