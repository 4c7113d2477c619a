package cli

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/procgroup/procgroup"
)

// The signals come from the test here, so that it can be told on every system what they do.
func TestSecondSignalKills(t *testing.T) {
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
			if told := secondSignalKills(t, c, sig, false, exec.Command("catch", "leader", "NONE")); told != "" {
				t.Errorf("two of %v: standard error %q", sig, told)
			}
		}
	})
}

// secondSignalKills runs a command that says something, sends the signal twice, and wants that to
// be the end. It returns what procgroup has said.
func secondSignalKills(t *testing.T, c procgroup.Containment, sig os.Signal, verbose bool, cmd *exec.Cmd) string {
	t.Helper()
	stdout, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	cmd.Stdout = theirs
	signals := make(chan os.Signal)
	var stderr bytes.Buffer
	r := &runner{runOptions: runOptions{containment: c, verbose: verbose}, command: cmd, stderr: &stderr, signals: signals}
	ended := make(chan error, 1)
	go func() {
		defer theirs.Close()
		ended <- r.run()
	}()
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Fatalf("the command does not start: %v", <-ended)
	}
	for range 2 {
		select {
		case signals <- sig:
		case err := <-ended:
			t.Fatalf("one %v has ended it: %v", sig, err)
		case <-time.After(patience):
			t.Fatal("it hangs")
		}
	}
	select {
	case err := <-ended:
		var exit *exitError
		if !errors.As(err, &exit) || exit.err != nil {
			t.Errorf("two of %v: %v, want an exit status", sig, err)
		}
	case <-time.After(patience):
		t.Fatalf("two of %v do not end it", sig)
	}
	return stderr.String()
}
