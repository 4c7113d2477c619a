package cli

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// runVerb runs the program to its end, and returns what it has printed, errors as well.
func runVerb(t *testing.T, wantStatus int, args ...string) string {
	t.Helper()
	cmd := exec.Command("procgroup", args...)
	text, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != wantStatus {
		t.Errorf("procgroup %s: exit status %d, want %d: %s", strings.Join(args, " "), got, wantStatus, text)
	}
	return strings.TrimSpace(string(text))
}

// TestRemoveForeground kills a run in the foreground, which leaves nothing to be forgotten.
func TestRemoveForeground(t *testing.T) {
	p := startProgram(t, "procgroup", "run", "--name", "front", "catch", "front", "never")
	p.ready("front")
	if got := runVerb(t, 0, "rm", "--force", "front"); got != "front" {
		t.Errorf("got %q", got)
	}
	select {
	case <-p.end.done:
	case <-time.After(patience):
		t.Fatal("the run goes on")
	}
	if got := runVerb(t, 1, "wait", "front"); got != "procgroup: front: no such group" {
		t.Errorf("got %q", got)
	}
}

// TestStatsEnd takes samples until the run ends.
func TestStatsEnd(t *testing.T) {
	if holds, ok := conditions["wine"]; ok && holds() {
		t.Skip("Wine does not tell the CPU time of a job")
	}
	runVerb(t, 0, "run", "--name", "used", "-d", "sleep", newMark())
	p := startProgram(t, "procgroup", "stats", "--interval", "10ms", "used")
	for _, want := range []string{"NAME ", "used  -  ", "used  0.0% "} {
		select {
		case line := <-p.lines:
			if !strings.HasPrefix(strings.Join(strings.Fields(line), "  ")+" ", want) {
				t.Errorf("got the line %q, want %q", line, want)
			}
		case <-time.After(patience):
			t.Fatal("no sample")
		}
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for range p.lines { // so that it does not wait for a reader
		}
	}()
	runVerb(t, 0, "rm", "--force", "used")
	p.wantStatus(0)
	<-drained
	if p.stderr.Len() > 0 {
		t.Errorf("standard error: %s", p.stderr.String())
	}
}

// TestDeadRun kills the process that holds a group, without a chance to tell anybody.
func TestDeadRun(t *testing.T) {
	killRun := func() {
		runVerb(t, 0, "run", "--name", "dying", "-d", "sleep", newMark())
		pid, err := strconv.Atoi(runVerb(t, 0, "inspect", "--format", "{{.Owner}}", "dying"))
		if err != nil {
			t.Fatal(err)
		}
		owner, err := os.FindProcess(pid)
		if err != nil {
			t.Fatal(err)
		}
		if err := owner.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	killRun()
	if got := runVerb(t, 1, "wait", "dying"); !strings.HasPrefix(got, "procgroup: dying: group has ended") {
		t.Errorf("got %q", got)
	}
	killRun()
	state := ""
	for deadline := time.Now().Add(patience); state != "dead"; {
		state = runVerb(t, 0, "ps", "--filter", "name=dying", "--format", "{{.State}}")
		if time.Now().After(deadline) {
			t.Fatalf("the state is %q", state)
		}
	}
	if got := runVerb(t, 0, "ps", "--all", "--filter", "name=dying", "--quiet"); got != "" {
		t.Errorf("it is listed again: %s", got)
	}
}
