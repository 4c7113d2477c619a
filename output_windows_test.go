package procgroup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// outputWriterEnv tells the test binary to be a process that writes: what it says is in
// outputWriters.
const outputWriterEnv = "PROCGROUP_TEST_OUTPUT_WRITER"

func init() {
	if write := outputWriters[os.Getenv(outputWriterEnv)]; write != nil {
		write()
		os.Exit(0)
	}
}

var outputWriters = map[string]func(){
	// both writes much to both, by turns.
	"both": func() {
		for i := range bothLines {
			fmt.Fprintf(os.Stdout, bothFormat, "out", i)
			fmt.Fprintf(os.Stderr, bothFormat, "err", i)
		}
	},
	// leave leaves a process behind that has its standard output, until standard input
	// ends.
	"leave": func() {
		holder := outputWriter("hold")
		holder.Stdin, holder.Stdout, holder.Stderr = os.Stdin, os.Stdout, os.Stderr
		if err := holder.Start(); err != nil {
			fmt.Println(err)
		}
		fmt.Print("left")
	},
	"hold": func() { _, _ = io.Copy(io.Discard, os.Stdin) },
	// fill writes as much as a pipe can hold.
	"fill": func() { _, _ = os.Stdout.Write(make([]byte, defaultPipeCapacity)) },
}

const (
	bothLines  = 4096
	bothFormat = "%s %059d\n" // with 3 letters, 64 bytes
)

// bothWant is what both writes to one of the two.
func bothWant(name string) string {
	var b strings.Builder
	for i := range bothLines {
		fmt.Fprintf(&b, bothFormat, name, i)
	}
	return b.String()
}

func outputWriter(name string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), outputWriterEnv+"="+name)
	return cmd
}

// runRedirected runs cmd to its end, and returns its output, which is not finished.
func runRedirected(t *testing.T, cmd *exec.Cmd) *output {
	t.Helper()
	o, err := redirect(cmd)
	if err != nil {
		t.Fatal(err)
	}
	err = cmd.Start()
	o.started(cmd, err == nil)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// finishSoon fails the test if finish hangs.
func finishSoon(t *testing.T, o *output, delay time.Duration) error {
	t.Helper()
	finished := make(chan error, 1)
	go func() { finished <- o.finish(delay) }()
	select {
	case err := <-finished:
		return err
	case <-time.After(30 * time.Second):
		t.Fatal("finish hangs")
		return nil
	}
}

// gatedWriter is a buffer to which nothing is written until the gate opens.
type gatedWriter struct {
	bytes.Buffer
	came chan struct{} // receives when somebody is at the gate
	gate chan struct{} // closed when it is open
}

func newGatedWriter() *gatedWriter {
	return &gatedWriter{came: make(chan struct{}, 1), gate: make(chan struct{})}
}

func (w *gatedWriter) Write(p []byte) (int, error) {
	select {
	case w.came <- struct{}{}:
	default:
	}
	<-w.gate
	return w.Buffer.Write(p)
}

// heldPipe is a pipe that is copied to a Writer, and of which this process keeps the
// writing end, as one would do that was released.
func heldPipe(t *testing.T, to io.Writer) (o *output, held *os.File) {
	t.Helper()
	cmd := &exec.Cmd{Stdout: to}
	o, err := redirect(cmd)
	if err != nil {
		t.Fatal(err)
	}
	self := windows.CurrentProcess()
	var h windows.Handle
	err = windows.DuplicateHandle(self, windows.Handle(cmd.Stdout.(*os.File).Fd()), self, &h,
		0, false, windows.DUPLICATE_SAME_ACCESS)
	if err != nil {
		o.started(cmd, false)
		t.Fatal(err)
	}
	held = os.NewFile(uintptr(h), "held")
	t.Cleanup(func() { held.Close() })
	o.started(cmd, true)
	return o, held
}

func TestOutputOfBoth(t *testing.T) {
	t.Run("apart", func(t *testing.T) {
		var stdout, stderr bytes.Buffer
		cmd := outputWriter("both")
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := finishSoon(t, runRedirected(t, cmd), 0); err != nil {
			t.Error(err)
		}
		if got, want := stdout.String(), bothWant("out"); got != want {
			t.Errorf("standard output has %d bytes, and should have %d", len(got), len(want))
		}
		if got, want := stderr.String(), bothWant("err"); got != want {
			t.Errorf("standard error has %d bytes, and should have %d", len(got), len(want))
		}
	})
	t.Run("together", func(t *testing.T) {
		var both bytes.Buffer
		cmd := outputWriter("both")
		cmd.Stdout, cmd.Stderr = &both, &both
		if err := finishSoon(t, runRedirected(t, cmd), 0); err != nil {
			t.Error(err)
		}
		var want strings.Builder
		for i := range bothLines {
			fmt.Fprintf(&want, bothFormat+bothFormat, "out", i, "err", i)
		}
		if both.String() != want.String() {
			t.Errorf("the output has %d bytes, and should have %d in their order", both.Len(), want.Len())
		}
	})
}

// Who still has the pipe is not waited for.
func TestOutputHeldByProcess(t *testing.T) {
	stdinEnd, stdin, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	alive, stderr, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()

	var stdout bytes.Buffer
	cmd := outputWriter("leave")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdinEnd, &stdout, stderr
	o := runRedirected(t, cmd)
	stdinEnd.Close()
	stderr.Close()
	if err := finishSoon(t, o, 0); err != nil {
		t.Error(err)
	}
	if stdout.String() != "left" {
		t.Errorf("standard output is %q", stdout.String())
	}

	stdin.Close()
	if _, err := io.Copy(io.Discard, alive); err != nil { // until the holder is gone
		t.Error(err)
	}
}

// All that was written before finish is copied, however slow the Writer is.
func TestOutputSlowWriter(t *testing.T) {
	t.Run("of a process", func(t *testing.T) {
		w := newGatedWriter()
		cmd := outputWriter("fill")
		cmd.Stdout = w
		o := runRedirected(t, cmd)
		drainThenOpen(o, w)
		if err := finishSoon(t, o, 0); err != nil {
			t.Error(err)
		}
		if w.Len() != defaultPipeCapacity {
			t.Errorf("%d bytes came, not %d", w.Len(), defaultPipeCapacity)
		}
	})
	t.Run("of a pipe that is held", func(t *testing.T) {
		w := newGatedWriter()
		o, held := heldPipe(t, w)
		writeTo(t, held, 1)
		<-w.came
		writeTo(t, held, defaultPipeCapacity)
		drainThenOpen(o, w)
		if err := finishSoon(t, o, 0); err != nil {
			t.Error(err)
		}
		if want := 1 + defaultPipeCapacity; w.Len() != want {
			t.Errorf("%d bytes came, not %d", w.Len(), want)
		}
	})
}

// drainThenOpen lets the Writer return only when the copying has to end, which is the
// first thing that finish sees to.
func drainThenOpen(o *output, w *gatedWriter) {
	o.copies[0].drain()
	close(w.gate)
}

func writeTo(t *testing.T, f *os.File, n int) {
	t.Helper()
	if _, err := f.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
}

// Who goes on writing is not waited for either, and is told that nobody reads any more.
func TestOutputFlooded(t *testing.T) {
	o, held := heldPipe(t, io.Discard)
	ended := make(chan error, 1)
	go func() {
		for {
			if _, err := held.Write(make([]byte, 4096)); err != nil {
				ended <- err
				return
			}
		}
	}()
	if err := finishSoon(t, o, 0); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, windows.ERROR_NO_DATA) && !errors.Is(err, windows.ERROR_BROKEN_PIPE) {
		t.Errorf("writing to a pipe that nobody reads: %v", err)
	}
}

func TestOutputWaitDelay(t *testing.T) {
	w := newGatedWriter()
	o, held := heldPipe(t, w)
	writeTo(t, held, 1)
	<-w.came
	if err := finishSoon(t, o, 10*time.Millisecond); !errors.Is(err, exec.ErrWaitDelay) {
		t.Errorf("finish with a Writer that does not return: %v, want ErrWaitDelay", err)
	}
	close(w.gate)
	<-o.copies[0].done
}

func TestReadNow(t *testing.T) {
	r, w, err := newPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	conn, err := r.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4)
	check := func(want string) {
		t.Helper()
		n := 0
		if err := conn.Read(func(fd uintptr) bool { n = readNow(fd, buf); return true }); err != nil {
			t.Fatal(err)
		}
		if got := string(buf[:n]); got != want {
			t.Errorf("readNow gives %q, want %q", got, want)
		}
	}

	check("")
	if _, err := w.WriteString("written"); err != nil {
		t.Fatal(err)
	}
	check("writ")
	w.Close()
	check("ten")
	check("")
}

func TestOutputLeavesNoHandle(t *testing.T) {
	once := func() {
		o, held := heldPipe(t, io.Discard)
		writeTo(t, held, 1)
		if err := finishSoon(t, o, 0); err != nil {
			t.Error(err)
		}
		held.Close()

		cmd := &exec.Cmd{Path: "none", Stdout: io.Discard, Stderr: io.Discard}
		o, err := redirect(cmd)
		if err != nil {
			t.Fatal(err)
		}
		o.started(cmd, false)
	}
	// A finalizer would close a file that was forgotten.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	const rounds = 100
	for range rounds { // the runtime starts threads, which have handles
		once()
	}
	before := ownHandles()
	for range rounds {
		once()
	}
	if after := ownHandles(); after >= before+rounds/2 {
		t.Errorf("%d handles before, %d after %d rounds", before, after, rounds)
	}
}

// ownHandles counts the handles of this process by trying each number, which are the
// multiples of 4. GetProcessHandleCount says 0 under Wine.
func ownHandles() int {
	n := 0
	for h := windows.Handle(4); h < 1<<16; h += 4 {
		if windows.SetHandleInformation(h, 0, 0) == nil { // which changes nothing
			n++
		}
	}
	return n
}
