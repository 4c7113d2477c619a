package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/procgroup/procgroup"
)

// patience bounds every wait of a test for something that has to come.
const patience = 30 * time.Second

// newMark returns a number of seconds that no other process sleeps.
func newMark() string { return fmt.Sprintf("1000.%d%d", os.Getpid(), time.Now().UnixNano()) }

// unavailable returns why a containment does not work here, nil if it does.
func unavailable(c procgroup.Containment) error {
	for _, s := range procgroup.Survey() {
		if s.Containment == c {
			return s.Err
		}
	}
	return errors.ErrUnsupported
}

// forContainments runs a test with each containment that works here.
func forContainments(t *testing.T, test func(t *testing.T, c procgroup.Containment)) {
	for _, s := range procgroup.Survey() {
		t.Run(s.Containment.String(), func(t *testing.T) {
			needs(t, s.Containment)
			test(t, s.Containment)
		})
	}
}

func needs(t *testing.T, c procgroup.Containment) {
	t.Helper()
	if err := unavailable(c); err != nil {
		t.Skipf("%s does not work here: %v", c, err)
	}
}

// program is a procgroup that runs.
type program struct {
	t      *testing.T
	cmd    *exec.Cmd
	lines  chan string // of its standard output
	stderr bytes.Buffer
	end    ending
}

// ending tells how a program ended, once it has.
type ending struct {
	done chan struct{}
	err  error
}

// startProgram starts a program of which the standard output is read line by line.
func startProgram(t *testing.T, name string, args ...string) *program {
	t.Helper()
	return startCommand(t, exec.Command(name, args...))
}

// startCommand does what startProgram does.
func startCommand(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{t: t, cmd: cmd, lines: make(chan string, 64)}
	p.cmd.Stderr = &p.stderr
	if p.cmd.SysProcAttr == nil {
		p.cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	setApart(p.cmd.SysProcAttr)
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(p.lines)
		readLines(stdout, p.lines)
	}()
	p.end.done = make(chan struct{})
	go func() {
		defer close(p.end.done)
		<-read
		p.end.err = p.cmd.Wait()
	}()
	t.Cleanup(p.cleanUp)
	return p
}

func readLines(r io.Reader, to chan<- string) {
	for s := bufio.NewScanner(r); s.Scan(); {
		to <- strings.TrimRight(s.Text(), "\r")
	}
}

// cleanUp ends a program that has not ended, politely first, so that it ends its group.
func (p *program) cleanUp() {
	p.askToEnd()
	select {
	case <-p.end.done:
	case <-time.After(patience):
		p.t.Error("the program does not end")
		_ = p.cmd.Process.Kill()
	}
}

// expect waits for lines, in any order.
func (p *program) expect(want ...string) {
	p.t.Helper()
	missing := make(map[string]bool)
	for _, line := range want {
		missing[line] = true
	}
	deadline := time.After(patience)
	for len(missing) > 0 {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("the output ends without %v; standard error: %s", missing, p.stderr.String())
			}
			if !missing[line] {
				p.t.Fatalf("got the line %q, want one of %v", line, missing)
			}
			delete(missing, line)
		case <-deadline:
			p.t.Fatalf("no line %v", missing)
		}
	}
}

// ready waits for "NAME ready PID" of each payload and returns their numbers.
func (p *program) ready(names ...string) map[string]int {
	p.t.Helper()
	pids := make(map[string]int)
	for range names {
		select {
		case line := <-p.lines:
			var name string
			var pid int
			if _, err := fmt.Sscanf(line, "%s ready %d", &name, &pid); err != nil {
				p.t.Fatalf("got the line %q", line)
			}
			pids[name] = pid
		case <-time.After(patience):
			p.t.Fatalf("not ready: %v of %v", pids, names)
		}
	}
	return pids
}

// wantStatus waits for the end.
func (p *program) wantStatus(want int) {
	p.t.Helper()
	select {
	case <-p.end.done:
	case <-time.After(patience):
		p.t.Fatal("the program does not end")
	}
	if got := p.cmd.ProcessState.ExitCode(); got != want {
		p.t.Errorf("exit status %d, want %d (%v); standard error: %s", got, want, p.end.err, p.stderr.String())
	}
}
