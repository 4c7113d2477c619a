package cli

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/procgroup/procgroup"
)

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("MARK", newMark())
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name == "pidns" {
				return pidNamespaces() == nil, nil
			}
			return unavailable(procgroup.Containment(name)) == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"gone":  gone,
			"alive": alive,
		},
	})
}

// exits runs a program and wants an exit status: exits STATUS PROGRAM [ARG...].
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got, err = exit.ExitCode(), nil
	}
	ts.Check(err)
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// gone wants that no process is left that sleeps $MARK.
func gone(ts *testscript.TestScript, _ bool, _ []string) {
	if pids := marked(ts.Getenv("MARK")); len(pids) > 0 {
		ts.Fatalf("left: %s", strings.Join(pids, " "))
	}
}

// alive wants that a process is there that sleeps $MARK, and ends it.
func alive(ts *testscript.TestScript, _ bool, _ []string) {
	pids := marked(ts.Getenv("MARK"))
	if len(pids) == 0 {
		ts.Fatalf("nobody is left")
	}
	ts.Check(ts.Exec("kill", append([]string{"-KILL"}, pids...)...))
}
