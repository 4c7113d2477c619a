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

// When the command ends, what it has left behind is killed, so the ping that holds the pipe
// open keeps nobody waiting.
func ExampleCommand() {
	out, err := procgroup.Command("cmd", "/c", "start /b ping -n 1000 127.0.0.1 >nul & echo built").CombinedOutput()
	fmt.Printf("%q %v\n", out, err)
	// Output: "built\r\n" <nil>
}

// When the context ends, the whole tree is killed.
func ExampleCommandContext() {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	err := procgroup.CommandContext(ctx, "cmd", "/c", "ping -n 1000 127.0.0.1").Run()

	var exit *exec.ExitError
	fmt.Println(errors.As(err, &exit), err)
	// Output: true exit status 1
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
		cmd := exec.Command("ping", "-n", "1000", "127.0.0.1")
		fmt.Println(g.Start(cmd), g.Kill(), cmd.Wait())
	}
	// Output:
	// <nil> <nil> exit status 1
	// <nil> <nil> exit status 1
}

// The three steps of a start are for programs that start the process by themselves. It does
// not run before the third.
func ExampleGroup_Prepare() {
	g, err := procgroup.New(procgroup.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer g.Close()
	cmd := exec.Command("cmd", "/c", "echo started by ourselves")
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

// A program with windows is asked to close them. Others are asked by Ctrl-Break.
func ExampleGroup_Terminate() {
	g, err := procgroup.New(procgroup.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer g.Close()
	if err := g.Start(exec.Command("notepad")); err != nil {
		fmt.Println(err)
		return
	}
	if err := g.Terminate(); errors.Is(err, errors.ErrUnsupported) {
		fmt.Println("nobody can be asked:", err)
		return
	}
	<-g.Done() // or until somebody has answered whether to save the file
}
