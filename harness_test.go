//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd || windows

package procgroup_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/internal/proctable"
)

// patience bounds every wait in the tests. It is no measure of speed: it only has to end
// before the whole run does, on emulated machines too.
const patience = 60 * time.Second

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// fixture is what one test has: a mark for its processes, and two pipes to talk with
// them. When it ends nothing of it may be left.
type fixture struct {
	t      *testing.T
	mark   string
	told   *bufio.Reader
	tell   *os.File // the end of "told" that payloads write to
	listen *os.File // the end that payloads listen at
	goOn   *os.File // closing it lets them go on
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	before := takeStock(t)
	told, tell, err := os.Pipe()
	must(t, err)
	listen, goOn, err := os.Pipe()
	must(t, err)
	f := &fixture{
		t: t, mark: fmt.Sprintf("procgroup-test-%d-%016x", os.Getpid(), rand.Uint64()),
		told: bufio.NewReader(told), tell: tell, listen: listen, goOn: goOn,
	}
	t.Cleanup(func() {
		f.sweepUp()
		for _, file := range []*os.File{told, listen, goOn} {
			file.Close()
		}
		before.compare(t)
	})
	return f
}

// payload returns a command that runs a payload.
func (f *fixture) payload(args ...string) *exec.Cmd {
	cmd := exec.Command(ownProgram(f.t), append([]string{f.mark}, args...)...)
	f.makePayload(cmd)
	return cmd
}

// makePayload makes a command that runs this program a payload.
func (f *fixture) makePayload(cmd *exec.Cmd) {
	cmd.Env = append(os.Environ(), payloadEnv+"="+f.mark)
	handOn(cmd, f.tell, f.listen)
}

func ownProgram(t *testing.T) string {
	self, err := os.Executable()
	must(t, err)
	return self
}

// tree returns a payload as a Cmd of the containment.
func (f *fixture) tree(ctx context.Context, c procgroup.Containment, args ...string) *procgroup.Cmd {
	cmd := procgroup.CommandContext(ctx, ownProgram(f.t), append([]string{f.mark}, args...)...)
	f.makePayload(cmd.Cmd)
	cmd.Options.Containment = c
	return cmd
}

// hear returns the next n lines that payloads tell, as words with numbers.
func (f *fixture) hear(n int) (words []string, pids []int) {
	f.t.Helper()
	timer := time.AfterFunc(patience, func() { _, _ = f.tell.WriteString("timeout 0\n") })
	defer timer.Stop()
	for range n {
		line, err := f.told.ReadString('\n')
		must(f.t, err)
		word, pid, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "timeout" {
			f.t.Fatalf("a payload is not ready after %v", patience)
		}
		pidNumber, err := strconv.Atoi(pid)
		must(f.t, err)
		words, pids = append(words, word), append(pids, pidNumber)
	}
	return words, pids
}

// awaitReady waits until n processes are where the test wants them.
func (f *fixture) awaitReady(n int) []int {
	f.t.Helper()
	words, pids := f.hear(n)
	for _, word := range words {
		if word != "ready" {
			f.t.Fatalf("a payload says %q, want ready", word)
		}
	}
	return pids
}

// alive returns the processes with the fixture's mark, zombies apart. It searches the
// whole process table: what the library lists is not asked.
func (f *fixture) alive() []proctable.Details {
	f.t.Helper()
	table, err := proctable.All()
	must(f.t, err)
	var found []proctable.Details
	for _, e := range table {
		if !e.Alive() || e.PID == os.Getpid() {
			continue
		}
		d, err := proctable.Inspect(e.ID)
		if err != nil || !d.Alive() {
			continue
		}
		if slices.Contains(d.Command, f.mark) || inEnvironment(e.PID, f.mark) {
			found = append(found, d)
		}
	}
	return found
}

// wantNobody fails the test if a process with the mark is alive.
func (f *fixture) wantNobody() {
	f.t.Helper()
	if left := f.alive(); len(left) > 0 {
		f.t.Errorf("%d processes are alive: %v", len(left), summary(left))
	}
}

func summary(list []proctable.Details) []string {
	var lines []string
	for _, d := range list[:min(len(list), 5)] {
		args := d.Command[min(2, len(d.Command)):]
		lines = append(lines, fmt.Sprintf("%d (parent %d, session %d, state %d) %v", d.PID, d.Parent, d.Session, d.State, args))
	}
	return lines
}

// sweepUp ends what a failed test, or a containment that guarantees nothing, has left. A
// list in which nobody is proves nothing while there may be a storm; but when the pipe
// that all of them can write to has no writer any more, they are gone.
func (f *fixture) sweepUp() {
	f.tell.Close()
	gone := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, f.told)
		close(gone)
	}()
	timeout := time.After(patience)
	for {
		left := f.alive()
		for _, d := range left {
			_ = proctable.Signal(d.ID, syscall.SIGKILL)
		}
		if isDone(gone) && len(left) == 0 {
			return // its descriptors are closed some time before a process is dead
		}
		select {
		case <-timeout:
			f.t.Errorf("processes of the test are alive after %v", patience)
			return
		default:
		}
	}
}

func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// bystander starts a process that is no member: in the test's own session, beside the
// groups. It must live at the end.
func (f *fixture) bystander() {
	f.t.Helper()
	other := &fixture{t: f.t, mark: "bystander-of-" + f.mark, tell: f.tell, listen: f.listen}
	cmd := other.payload("sleep")
	must(f.t, cmd.Start())
	f.t.Cleanup(func() {
		d, err := inspect(cmd.Process.Pid)
		if err != nil || !d.Alive() || d.State == proctable.Stopped {
			f.t.Errorf("the bystander is %+v, %v", d, err)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	f.awaitReady(1)
}

// inspect returns what the process table tells about the process with this number.
func inspect(pid int) (proctable.Details, error) {
	entry, err := proctable.Lookup(pid)
	if err != nil {
		return proctable.Details{}, err
	}
	return proctable.Inspect(entry.ID)
}

// stock is what a test must not leave more of.
type stock struct {
	descriptors int
	goroutines  goleak.Option
	directories []string
}

func takeStock(t *testing.T) stock {
	procgroup.DismissHelpers()
	return stock{countDescriptors(), goleak.IgnoreCurrent(), cgroupDirectories(t)}
}

func (before stock) compare(t *testing.T) {
	t.Helper()
	procgroup.DismissHelpers()
	// Closed pipes and ended goroutines are gone when the runtime has got to them.
	if err := goleak.Find(before.goroutines); err != nil {
		t.Errorf("leaked goroutines: %v", err)
	}
	for deadline := time.Now().Add(patience); len(helpers(t, os.Getpid())) > 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Errorf("left the helpers %v", helpers(t, os.Getpid()))
			break
		}
	}
	after := stock{countDescriptors(), nil, cgroupDirectories(t)}
	for deadline := time.Now().Add(time.Second); after.descriptors > before.descriptors && time.Now().Before(deadline); {
		runtime.Gosched()
		after.descriptors = countDescriptors()
	}
	if after.descriptors > before.descriptors {
		t.Errorf("%d descriptors, %d before the test: %v", after.descriptors, before.descriptors, describeDescriptors())
	}
	for _, dir := range after.directories {
		if !slices.Contains(before.directories, dir) {
			t.Errorf("left the directory %s", dir)
		}
	}
	for _, zombie := range zombies(t) {
		t.Errorf("left the zombie %+v", zombie)
	}
}

// helpers returns the helpers of an owner, by their arguments: to an ordinary user a guardian
// does not show its environment.
func helpers(t *testing.T, owner int) []proctable.Details {
	table, err := proctable.All()
	must(t, err)
	var found []proctable.Details
	for _, e := range table {
		d, err := proctable.Inspect(e.ID)
		if err == nil && e.Alive() && len(d.Command) > 2 && strings.HasPrefix(d.Command[0], "procgroup ") &&
			slices.Contains(d.Command, strconv.Itoa(owner)) {
			found = append(found, d)
		}
	}
	return found
}

// zombies returns the children of this process that nobody has waited for.
func zombies(t *testing.T) []proctable.Entry {
	table, err := proctable.All()
	must(t, err)
	return slices.DeleteFunc(table, func(e proctable.Entry) bool {
		return e.Alive() || e.Parent != os.Getpid()
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// forEachContainment runs a test for each containment of this system. One that does not
// work here is skipped with the reason.
func forEachContainment(t *testing.T, test func(*testing.T, procgroup.Containment)) {
	for _, s := range procgroup.Survey() {
		t.Run(s.Containment.String(), func(t *testing.T) {
			if s.Err != nil {
				t.Skipf("%s does not work here: %v", s.Containment, s.Err)
			}
			test(t, s.Containment)
		})
	}
	forEachVariant(t, test)
}

// brief reports whether a test is to do only a part of what it could: in the short run, and
// for the variants of a containment.
func brief(t *testing.T) bool {
	return testing.Short() || strings.Contains(t.Name(), variantName)
}

func newGroup(t *testing.T, opts procgroup.Options) *procgroup.Group {
	t.Helper()
	g, err := procgroup.New(opts)
	must(t, err)
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return g
}

// start starts a command in a group, and sees to it that it is ended and reaped.
func start(t *testing.T, g *procgroup.Group, cmd *exec.Cmd) {
	t.Helper()
	must(t, g.Start(cmd))
	t.Cleanup(func() {
		_ = g.Close() // what it returns, the cleanup of newGroup tells
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill() // in vain, unless the containment has not held it
			_ = cmd.Wait()
		}
	})
}
