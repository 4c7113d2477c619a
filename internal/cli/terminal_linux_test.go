package cli

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
)

const (
	ctrlC = "\x03"
	ctrlD = "\x04"
	ctrlZ = "\x1a"
)

// console is a program on a terminal of its own.
type console struct {
	t      *testing.T
	cmd    *exec.Cmd
	pty    *os.File
	output chan byte
	report chan string // of a jobshell
	orders *os.File
}

// startConsole starts a program as the leader of a terminal's session.
func startConsole(t *testing.T, args ...string) *console {
	t.Helper()
	return startConsoleOf(t, exec.Command(args[0], args[1:]...))
}

// startConsoleOf does what startConsole does.
func startConsoleOf(t *testing.T, cmd *exec.Cmd) *console {
	t.Helper()
	c := &console{t: t, cmd: cmd, output: make(chan byte, 1<<16)}
	if cmd.Args[0] == "jobshell" {
		c.connect()
	}
	f, err := pty.Start(c.cmd)
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range c.cmd.ExtraFiles {
		end.Close()
	}
	c.pty = f
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		defer close(c.output)
		// The read ends with an error when nobody has the terminal any more.
		for r := bufio.NewReader(f); ; {
			b, err := r.ReadByte()
			if err != nil {
				return
			}
			c.output <- b
		}
	}()
	t.Cleanup(func() {
		c.end()
		f.Close()
		if c.orders != nil {
			c.orders.Close()
		}
		select {
		case <-copied:
		case <-time.After(patience):
			t.Error("the terminal does not end")
		}
	})
	return c
}

// end ends a program that has not ended, politely, so that it ends its group. The end of
// a jobshell hangs up its terminal.
func (c *console) end() {
	if c.cmd.ProcessState != nil {
		return
	}
	for _, sig := range enders {
		_ = c.cmd.Process.Signal(sig)
	}
	kill := time.AfterFunc(patience, func() {
		c.t.Error("the program does not end")
		_ = c.cmd.Process.Kill()
	})
	defer kill.Stop()
	c.wait()
}

// connect makes the pipes that a jobshell has.
func (c *console) connect() {
	reports, reporter, err := os.Pipe()
	if err != nil {
		c.t.Fatal(err)
	}
	ordersRead, orders, err := os.Pipe()
	if err != nil {
		c.t.Fatal(err)
	}
	c.cmd.ExtraFiles = []*os.File{reporter, ordersRead}
	c.orders = orders
	c.report = make(chan string, 16)
	go func() {
		defer reports.Close()
		defer close(c.report)
		readLines(reports, c.report)
	}()
}

func (c *console) typeIn(keys string) {
	c.t.Helper()
	if _, err := io.WriteString(c.pty, keys); err != nil {
		c.t.Fatal(err)
	}
}

// see waits for a text on the screen.
func (c *console) see(text string) {
	c.t.Helper()
	var seen strings.Builder
	deadline := time.After(patience)
	for !strings.HasSuffix(seen.String(), text) {
		select {
		case b, ok := <-c.output:
			if !ok {
				c.t.Fatalf("the output %q ends without %q", seen.String(), text)
			}
			seen.WriteByte(b)
		case <-deadline:
			c.t.Fatalf("no %q in the output %q", text, seen.String())
		}
	}
}

// hear waits for a report of the jobshell.
func (c *console) hear(want string) {
	c.t.Helper()
	select {
	case got := <-c.report:
		if got != want {
			c.t.Fatalf("the shell reports %q, want %q", got, want)
		}
	case <-time.After(patience):
		c.t.Fatalf("the shell does not report %q", want)
	}
}

func (c *console) order(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.orders, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

// wait returns the exit status.
func (c *console) wait() int {
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Wait() // its status is looked at
	}
	return c.cmd.ProcessState.ExitCode()
}

func (c *console) wantStatus(want int) {
	c.t.Helper()
	if got := c.wait(); got != want {
		c.t.Errorf("exit status %d, want %d", got, want)
	}
}

func TestCtrlC(t *testing.T) {
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		con := startConsole(t, "procgroup", "run", "--containment", c.String(), "--",
			"sh", "-c", "echo ready; exec sleep "+newMark())
		con.see("ready")
		con.typeIn(ctrlC)
		con.wantStatus(130)
	})
}

func TestCommandReadsFromTerminal(t *testing.T) {
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		con := startConsole(t, "procgroup", "run", "--containment", c.String(), "--",
			"sh", "-c", `stty -echo; echo ready; read line; echo "got <$line>"; exec cat`)
		con.see("ready")
		con.typeIn("one\n")
		con.see("got <one>")
		con.typeIn("two\n")
		con.see("two")
		con.typeIn(ctrlD)
		con.wantStatus(0)
	})
}

func TestCtrlZ(t *testing.T) {
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		con := startConsole(t, "jobshell", "procgroup", "run", "--containment", c.String(), "--",
			"sh", "-c", `echo ready; while read line; do echo "got <$line>"; done; exit 4`)
		con.see("ready")
		for range 3 {
			con.typeIn(ctrlZ)
			con.hear("stopped by TSTP, terminal with the job")
			con.order("fg")
			con.typeIn("on\n")
			con.see("got <on>")
		}
		con.typeIn(ctrlD)
		con.hear("exit 4, terminal with the job")
	})
}

// A job in the background stops when it reads, and gets the terminal with the foreground.
func TestBackground(t *testing.T) {
	needs(t, procgroup.Cgroup)
	con := startConsole(t, "jobshell", "procgroup", "run", "--containment", "cgroup", "--",
		"sh", "-c", `echo ready; read line; echo "got <$line>"; exit 4`)
	con.see("ready")
	con.typeIn(ctrlZ)
	con.hear("stopped by TSTP, terminal with the job")
	con.order("bg")
	con.hear("stopped by TTIN, terminal with the shell")
	con.order("fg")
	con.typeIn("on\n")
	con.see("got <on>")
	con.hear("exit 4, terminal with the job")
}

// A script that runs procgroup shares its process group, and the terminal, with it.
func TestScriptOnTerminal(t *testing.T) {
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		run := "procgroup run --containment " + c.String() + " -- "
		con := startConsole(t, "jobshell", "sh", "-c", `stty -echo
			`+run+`sh -c 'echo ready; read line; echo "first <$line>"'
			read line; echo "second <$line>"
			`+run+`sh -c 'read line; echo "third <$line>"; read line; echo "fourth <$line>"'
			exit 3`)
		con.see("ready")
		con.typeIn("a\n")
		con.see("first <a>")
		con.typeIn("b\n")
		con.see("second <b>")
		con.typeIn("c\n")
		con.see("third <c>")
		con.typeIn(ctrlZ)
		con.hear("stopped by TSTP, terminal with the job")
		con.order("fg")
		con.typeIn("d\n")
		con.see("fourth <d>")
		con.hear("exit 3, terminal with the job")
	})
}

// In a pipeline the other commands keep the terminal.
func TestPipelineOnTerminal(t *testing.T) {
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		con := startConsole(t, "jobshell", "sh", "-c", `stty -echo; procgroup run --containment `+c.String()+
			` -- sh -c 'echo ready; exec sleep `+newMark()+`' | { read line; echo "$line"; read key </dev/tty; echo "key <$key>"; cat; exit 5; }`)
		con.see("ready")
		con.typeIn("k\n")
		con.see("key <k>")
		con.typeIn(ctrlC)
		con.hear("exit -1, terminal with the job")
	})
}

// Where nobody could continue a job, Ctrl-Z does nothing.
func TestCtrlZWithoutShell(t *testing.T) {
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		con := startConsole(t, "procgroup", "run", "--containment", c.String(), "--",
			"sh", "-c", `stty -echo; echo ready; read line; echo "got <$line>"; read line; exit 6`)
		con.see("ready")
		con.typeIn(ctrlZ + "on\n")
		con.see("got <on>") // before the end: that hangs up, and drops what is unread
		con.typeIn("off\n")
		con.wantStatus(6)
	})
}

// The command's process group had the terminal when the command turned out not to run.
func TestTerminalAfterFailedStart(t *testing.T) {
	needs(t, procgroup.Cgroup)
	con := startConsole(t, "jobshell", "procgroup", "run", "/dev/null")
	con.hear("exit 126, terminal with the job")
}

// A detached run goes on when the terminal is gone on which it was started, and stop leaves
// nothing of it.
func TestDetachedOutlivesTerminal(t *testing.T) {
	mark := newMark()
	c := startConsole(t, "procgroup", "run", "-d", "--name", "outlives", "--", "sleep", mark)
	c.wait()
	c.pty.Close() // hangs up
	run := found(t, "outlives")
	info, err := run.Info(t.Context())
	if err != nil || info.State != control.Running || !slices.Contains(marked(mark), info.Leader) {
		t.Errorf("%+v, %v, alive: %v", info, err, marked(mark))
	}
	if err := run.Stop(t.Context(), control.StopOptions{}); err != nil {
		t.Error(err)
	}
	if pids := marked(mark); len(pids) > 0 {
		t.Errorf("left: %v", pids)
	}
	if err := run.Remove(t.Context()); err != nil {
		t.Error(err)
	}
}
