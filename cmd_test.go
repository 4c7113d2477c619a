//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd || windows

package procgroup_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/procgroup/procgroup"
)

func TestCmdOutput(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		out, err := f.tree(t.Context(), c, "print", "to stdout").Output()
		if string(out) != "to stdout" || err != nil {
			t.Errorf("Output: %q, %v", out, err)
		}
		out, err = f.tree(t.Context(), c, "print", "a", "b").CombinedOutput()
		if string(out) != "ab" || err != nil {
			t.Errorf("CombinedOutput: %q, %v", out, err)
		}
		cmd := f.tree(t.Context(), c, "cat")
		cmd.Stdin = strings.NewReader("through and through")
		out, err = cmd.Output()
		if string(out) != "through and through" || err != nil {
			t.Errorf("Output of what came in: %q, %v", out, err)
		}
		if cmd.Stdout == nil || cmd.ProcessState == nil || !cmd.ProcessState.Success() {
			t.Error("the fields are not as os/exec leaves them")
		}
	})
}

func TestCmdExitError(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		var exit *exec.ExitError
		err := f.tree(t.Context(), c, "exit", "5").Run()
		if !errors.As(err, &exit) || exit.ExitCode() != 5 {
			t.Errorf("Run: %v, want exit status 5", err)
		}
		_, err = f.tree(t.Context(), c, "no-such-payload").Output()
		if !errors.As(err, &exit) || exit.ExitCode() != 98 || string(exit.Stderr) != "no payload \"no-such-payload\"\n" {
			t.Errorf("Output: %v, want exit status 98 and its standard error: %q", err, exit.Stderr)
		}
		if _, same := err.(*exec.ExitError); !same { //nolint:errorlint // that it is not wrapped is the point
			t.Errorf("the error is a %T, os/exec returns the ExitError itself", err)
		}
	})
}

func TestCmdStderrExcerpt(t *testing.T) {
	f := newFixture(t)
	_, err := f.tree(t.Context(), procgroup.Auto, "fail", strconv.Itoa(100<<10)).Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatal(err)
	}
	text := string(exit.Stderr)
	if !strings.HasPrefix(text, "begin") || !strings.HasSuffix(text, "end") || !strings.Contains(text, "omitting 36872 bytes") {
		t.Errorf("%d bytes of standard error: %.20q...%q", len(text), text, text[max(0, len(text)-20):])
	}
}

func init() {
	payloads["fail"] = func(args []string) {
		_, _ = os.Stderr.WriteString("begin" + strings.Repeat("x", number(args)) + "end")
		os.Exit(1)
	}
}

func TestCmdKillsLeftovers(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		f.bystander()
		cmd := f.tree(t.Context(), c, "leave", "plain", "tree", "1", "2")
		must(t, cmd.Run())
		f.wantNobody()
		if cmd.Group().Active() {
			t.Error("the group is active after Wait")
		}
	})
}

// A grandchild that holds the pipe does not keep Wait from returning, and what everybody
// had written before is there.
func TestCmdDoesNotHangOnPipes(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		for _, leftovers := range []procgroup.Leftovers{procgroup.KillLeftovers, procgroup.LeaveLeftovers} {
			for _, how := range []string{"plain", away} {
				t.Run(leftovers.String()+" "+how, func(t *testing.T) {
					f := newFixture(t)
					cmd := f.tree(t.Context(), c, "leave", how, "hold")
					cmd.Leftovers = leftovers
					out, err := cmd.Output()
					must(t, err)
					if string(out) != strings.Repeat("output\n", 1000) {
						t.Errorf("%d bytes of output, want 7000", len(out))
					}
					if leftovers == procgroup.LeaveLeftovers && len(f.alive()) != 1 {
						t.Errorf("%d leftovers live on, want 1", len(f.alive()))
					}
				})
			}
		}
	})
}

func init() {
	payloads["hold"] = func([]string) {
		_, _ = os.Stdout.WriteString(strings.Repeat("output\n", 1000))
		ready()
		park()
	}
}

// Who reads from a pipe to its end before Wait does not wait for leftovers either.
func TestCmdPipesEndWithTheCommand(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		for name, pipe := range map[string]func(*procgroup.Cmd) (io.ReadCloser, error){
			"stdout": (*procgroup.Cmd).StdoutPipe,
			"stderr": (*procgroup.Cmd).StderrPipe,
		} {
			t.Run(name, func(t *testing.T) {
				f := newFixture(t)
				cmd := f.tree(t.Context(), c, "leave", "plain", "sleep")
				r, err := pipe(cmd)
				must(t, err)
				must(t, cmd.Start())
				_, err = io.ReadAll(r)
				must(t, err)
				f.wantNobody()
				must(t, cmd.Wait())
			})
		}
	})
}

func TestCmdWaitsForLeftovers(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		cmd := f.tree(t.Context(), c, "leave", "plain", "last-word")
		cmd.Leftovers = procgroup.WaitLeftovers
		var out bytes.Buffer
		cmd.Stdout = &out
		must(t, cmd.Start())
		f.awaitReady(1)
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			t.Fatalf("Wait returned %v before the leftover ended", err)
		case <-time.After(20 * time.Millisecond): // the leader has ended by now, most likely
		}
		must(t, f.goOn.Close())
		must(t, <-ended)
		if out.String() != "last word" {
			t.Errorf("the leftover's output is %q", out.String())
		}
	})
}

func init() {
	payloads["last-word"] = func([]string) {
		ready()
		goOn()
		_, _ = os.Stdout.WriteString("last word")
	}
}

// A Writer that is slow gets all the output: only who never reads is a reason to give up.
func TestCmdDoesNotCutOutputForSlowWriter(t *testing.T) {
	f := newFixture(t)
	cmd := f.tree(t.Context(), procgroup.Auto, "leave", "plain", "hold")
	w := &slowWriter{}
	cmd.Stdout = w
	must(t, cmd.Run())
	if w.Len() != 7000 {
		t.Errorf("%d bytes arrived, want 7000", w.Len())
	}
}

type slowWriter struct{ bytes.Buffer }

func (w *slowWriter) Write(p []byte) (int, error) {
	time.Sleep(20 * time.Millisecond) // the command has ended long before
	return w.Buffer.Write(p)
}

func TestCmdWaitDelay(t *testing.T) {
	f := newFixture(t)
	cmd := f.tree(t.Context(), procgroup.Auto, "print", "something")
	stuck := make(chan struct{})
	defer close(stuck)
	cmd.Stdout = writerFunc(func(p []byte) (int, error) { <-stuck; return len(p), nil })
	cmd.WaitDelay = 20 * time.Millisecond
	if err := cmd.Run(); !errors.Is(err, exec.ErrWaitDelay) {
		t.Errorf("Run with a Writer that never returns: %v, want ErrWaitDelay", err)
	}
	cmd = f.tree(t.Context(), procgroup.Auto, "print", "something")
	cmd.Stdout = writerFunc(func([]byte) (int, error) { return 0, io.ErrClosedPipe })
	if err := cmd.Run(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Run with a Writer that fails: %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestCmdCancel(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		t.Run("custom", func(t *testing.T) {
			f := newFixture(t)
			ctx, cancel := context.WithCancel(t.Context())
			cmd := f.tree(ctx, c, politely...)
			cmd.Cancel = func() error { return f.askPolitely(cmd.Process) }
			must(t, cmd.Start())
			f.awaitReady(1)
			cancel()
			err := cmd.Wait()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 7 {
				t.Errorf("Wait: %v, want what it ended with by itself", err)
			}
		})
		t.Run("custom, ignored", func(t *testing.T) {
			f := newFixture(t)
			ctx, cancel := context.WithCancel(t.Context())
			cmd := f.tree(ctx, c, "spawn", "ignore")
			cmd.Cancel = func() error { return nil }
			cmd.WaitDelay = 10 * time.Millisecond
			cmd.Leftovers = procgroup.LeaveLeftovers // a cancel is stronger
			must(t, cmd.Start())
			f.awaitReady(1)
			cancel()
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) {
				t.Errorf("Wait: %v, want a killed command", err)
			}
			f.wantNobody()
		})
		t.Run("before the start", func(t *testing.T) {
			f := newFixture(t)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := f.tree(ctx, c, "sleep").Run(); !errors.Is(err, context.Canceled) {
				t.Errorf("Run with an ended context: %v", err)
			}
			f.wantNobody()
		})
		t.Run("after the end", func(t *testing.T) {
			f := newFixture(t)
			ctx, cancel := context.WithCancel(t.Context())
			must(t, f.tree(ctx, c, "exit", "0").Run())
			cancel()
		})
	})
}

func TestCmdErrors(t *testing.T) {
	f := newFixture(t)
	for name, cmd := range map[string]*procgroup.Cmd{
		"nil": nil, "zero": {}, "unknown leftovers": {Cmd: f.payload("exit", "0"), Leftovers: 7},
	} {
		if err := cmd.Start(); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("Start of a %s Cmd: %v, want os.ErrInvalid", name, err)
		}
	}
	for _, cmd := range []*procgroup.Cmd{nil, {}} {
		for name, err := range map[string]error{
			"Run": cmd.Run(), "Wait": cmd.Wait(),
			"Output": second(cmd.Output()), "CombinedOutput": second(cmd.CombinedOutput()),
		} {
			if !errors.Is(err, os.ErrInvalid) {
				t.Errorf("%s of a nil Cmd: %v, want os.ErrInvalid", name, err)
			}
		}
	}
	cmd := procgroup.Command("no-such-program-here")
	if err := cmd.Run(); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("Run: %v, want exec.ErrNotFound", err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("Wait of a command that was not started: nil")
	}
	if cmd.Group() != nil {
		t.Error("a command that was not started has a group")
	}
	cmd = f.tree(t.Context(), procgroup.Auto, "exit", "0")
	must(t, cmd.Run())
	if err := cmd.Start(); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("Start again: %v, want os.ErrInvalid", err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("Wait again: nil")
	}
	cmd = f.tree(t.Context(), procgroup.Auto, "exit", "0")
	cmd.Stdout = io.Discard
	for name, err := range map[string]error{
		"Output": second(cmd.Output()), "CombinedOutput": second(cmd.CombinedOutput()),
	} {
		if !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%s with Stdout set: %v, want os.ErrInvalid", name, err)
		}
	}
	cmd = f.tree(t.Context(), procgroup.Auto, "exit", "0")
	cmd.Options.Require = procgroup.ResourceLimits
	if err := cmd.Run(); !errors.Is(err, procgroup.ErrCreate) {
		t.Errorf("Run with what is not to be had: %v, want ErrCreate", err)
	}
	var l procgroup.Leftovers
	if err := l.UnmarshalText([]byte("eat")); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("leftovers %q: %v", "eat", err)
	}
}
