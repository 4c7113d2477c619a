package cli

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/procgroup/procgroup"
)

func TestScripts(t *testing.T) { runScripts(t, "testdata/script") }

// TestSystemScripts runs the scripts that mean something on this system only.
func TestSystemScripts(t *testing.T) {
	dir := filepath.Join("testdata/script", runtime.GOOS)
	if _, err := os.Stat(dir); err != nil {
		t.Skip("there are none")
	}
	runScripts(t, dir)
}

func runScripts(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("MARK", newMark())
			dir, err := os.MkdirTemp("", "pg") // $WORK is too long for a socket
			env.Setenv(runtimeDirEnv, dir)
			env.Defer(func() {
				endRuns(t, dir)
				os.RemoveAll(dir)
			})
			return err
		},
		Condition: func(name string) (bool, error) {
			if holds, ok := conditions[name]; ok {
				return holds(), nil
			}
			return unavailable(procgroup.Containment(name)) == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"gone":  gone,
			"alive": alive,
			"port":  port,
		},
	})
}

// endRuns ends the detached runs that a script has left, as one that fails does.
func endRuns(t *testing.T, dir string) {
	procgroup := func(args ...string) ([]byte, error) {
		cmd := exec.Command("procgroup", args...)
		cmd.Env = append(os.Environ(), runtimeDirEnv+"="+dir)
		return cmd.CombinedOutput()
	}
	out, err := procgroup("ps", "--all", "--quiet")
	if err != nil {
		t.Errorf("ps: %v: %s", err, out)
	}
	if ids := strings.Fields(string(out)); len(ids) > 0 {
		_, _ = procgroup(append([]string{"rm", "--force"}, ids...)...) // some end by themselves
	}
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
		ts.Fatalf("left: %v", pids)
	}
}

// alive wants that a process is there that sleeps $MARK, and ends it.
func alive(ts *testscript.TestScript, _ bool, _ []string) {
	pids := marked(ts.Getenv("MARK"))
	if len(pids) == 0 {
		ts.Fatalf("nobody is left")
	}
	for _, pid := range pids {
		p, err := os.FindProcess(pid)
		ts.Check(err)
		ts.Check(p.Kill())
		ts.Check(p.Release())
	}
}

// port sets variables to ports on which nobody listens: port NAME...
func port(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		defer l.Close() // only now, so that all are different
		_, number, err := net.SplitHostPort(l.Addr().String())
		ts.Check(err)
		ts.Setenv(name, number)
	}
}
