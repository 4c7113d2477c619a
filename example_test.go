//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/procgroup/procgroup"
)

// runBuild pauses a group for a moment and then stops it.
func runBuild(ctx context.Context) error {
	g, err := procgroup.New(procgroup.Options{Grace: 5 * time.Second})
	if err != nil {
		return err
	}
	defer g.Close() // kills whoever is left, and frees everything

	cmd := exec.Command("sh", "-c", "sleep 1000 & sleep 1000 & wait")
	if err := g.Start(cmd); err != nil {
		return err
	}
	if err := g.Pause(ctx); err != nil {
		return err
	}
	fmt.Println("paused:", g.Paused()) // no member runs
	if err := g.Resume(ctx); err != nil {
		return err
	}
	if err := g.Stop(ctx); err != nil { // SIGTERM, the grace, SIGKILL
		return err
	}
	fmt.Println("active:", g.Active()) // nobody is left
	return cmd.Wait()                  // reaps the leader, as with os/exec
}

func main() {
	procgroup.Init() // first of all: a helper is this program, run again
	fmt.Println(runBuild(context.Background()))
}

func Example() {
	main()
	// Output:
	// paused: true
	// active: false
	// signal: terminated
}

// When the command ends, what it has left behind is killed, so the sleep that holds
// the pipe open keeps nobody waiting.
func ExampleCommand() {
	out, err := procgroup.Command("sh", "-c", "sleep 1000 & echo built").CombinedOutput()
	fmt.Printf("%q %v\n", out, err)
	// Output: "built\n" <nil>
}

// When the context ends, the whole tree is killed.
func ExampleCommandContext() {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	err := procgroup.CommandContext(ctx, "sh", "-c", "sleep 1000 & sleep 1000").Run()

	var exit *exec.ExitError
	fmt.Println(errors.As(err, &exit), err)
	// Output: true signal: killed
}

// A command's leftovers can be waited for instead of killed.
func ExampleCmd() {
	cmd := procgroup.Command("sh", "-c", "echo the leader; (sleep 0.1; echo the leftover) &")
	cmd.Leftovers = procgroup.WaitLeftovers
	out, err := cmd.Output()
	fmt.Print(string(out), err)
	// Output:
	// the leader
	// the leftover
	// <nil>
}

// A group that has become empty, or was killed, can be used again.
func ExampleGroup_Kill() {
	g, err := procgroup.New(procgroup.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer g.Close()
	for range 2 {
		cmd := exec.Command("sleep", "1000")
		fmt.Println(g.Start(cmd), g.Kill(), cmd.Wait())
	}
	// Output:
	// <nil> <nil> signal: killed
	// <nil> <nil> signal: killed
}

// Done is for select; Wait is the same with a context.
func ExampleGroup_Done() {
	g, err := procgroup.New(procgroup.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer g.Close()
	cmd := exec.Command("sh", "-c", "sleep 0.1 & exit 3")
	if err := g.Start(cmd); err != nil {
		fmt.Println(err)
		return
	}
	select {
	case <-g.Done():
		fmt.Println("nobody is left")
	case <-time.After(time.Minute):
		fmt.Println("somebody is left after a minute")
	}
	fmt.Println(cmd.Wait()) // how the leader ended is for its own Wait to tell
	// Output:
	// nobody is left
	// exit status 3
}

// The three steps of a start are for programs that start the process by themselves.
func ExampleGroup_Prepare() {
	g, err := procgroup.New(procgroup.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer g.Close()
	cmd := exec.Command("echo", "started by ourselves")
	cmd.Stdout = os.Stdout
	for _, step := range []func() error{
		func() error { return g.Prepare(cmd) },
		cmd.Start,
		func() error { return g.Assign(cmd.Process.Pid) },
		func() error { return g.ResumeProcess(cmd.Process.Pid) },
		cmd.Wait,
	} {
		if err := step(); err != nil {
			fmt.Println(err)
			return
		}
	}
	// Output: started by ourselves
}

// A paused group takes no new command.
func ExampleGroup_Pause() {
	g, err := procgroup.New(procgroup.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer g.Close()
	first := exec.Command("sleep", "1000")
	if err := errors.Join(g.Start(first), g.Pause(context.Background())); err != nil {
		fmt.Println(err)
		return
	}
	err = g.Start(exec.Command("sleep", "1000"))
	fmt.Println(errors.Is(err, procgroup.ErrPaused))
	fmt.Println(g.Kill(), first.Wait()) // paused members die too
	// Output:
	// true
	// <nil> signal: killed
}

func ExampleError() {
	_, err := procgroup.New(procgroup.Options{Containment: procgroup.Session, Require: procgroup.NoEscape})
	var e *procgroup.Error
	fmt.Println(errors.As(err, &e) && e.Op == "new")
	fmt.Println(errors.Is(err, procgroup.ErrCreate), errors.Is(err, errors.ErrUnsupported))
	fmt.Println(err)
	// Output:
	// true
	// true true
	// procgroup: new: containment not created: no containment here guarantees no-escape: session does not guarantee no-escape
}
