package proctable

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// helperVariable makes the test binary a process that lives until its standard input ends.
const helperVariable = "PROCTABLE_TEST_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) != "" {
		_, _ = os.Stdout.WriteString("ready\n")
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	os.Exit(m.Run())
}

// helper is a process that lives until the test ends, unless it is ended before.
type helper struct {
	cmd *exec.Cmd
	Entry
	in  io.Closer
	out *bufio.Reader
}

// start starts a helper, which is ready, unless flags suspend it.
func start(t *testing.T, flags uint32, args ...string) *helper {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), helperVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: flags}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	h := &helper{cmd: cmd, in: in, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		h.end()
	})
	if flags&windows.CREATE_SUSPENDED == 0 {
		h.awaitReady(t)
	}
	if h.Entry, err = Lookup(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *helper) awaitReady(t *testing.T) {
	t.Helper()
	if line, err := h.out.ReadString('\n'); err != nil {
		t.Fatalf("the helper said %q: %v", line, err)
	}
}

func (h *helper) end() {
	h.in.Close()
	_ = h.cmd.Wait()
}

// lives fails the test if the helper does not.
func (h *helper) lives(t *testing.T) {
	t.Helper()
	if e, err := Lookup(h.PID); err != nil || e.ID != h.ID || !e.Alive() {
		t.Fatalf("the helper is gone: %+v, %v", e, err)
	}
}

// wine skips the rest of a test under Wine.
func wine(t *testing.T, why string) {
	t.Helper()
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		t.Skip("Wine: " + why)
	}
}

func TestAllHasSelfAndChild(t *testing.T) {
	child := start(t, 0)
	table, err := All()
	if err != nil {
		t.Fatal(err)
	}
	find := func(pid int) Entry {
		i := slices.IndexFunc(table, func(e Entry) bool { return e.PID == pid })
		if i < 0 {
			t.Fatalf("All lacks process %d", pid)
		}
		return table[i]
	}
	if e := find(child.PID); e.ID != child.ID || e.Parent != os.Getpid() || e.Name != filepath.Base(child.cmd.Path) || !e.Alive() {
		t.Errorf("the child: %+v", e)
	}
	if e := find(os.Getpid()); e.Start == 0 || e.Start > child.Start || !e.Alive() {
		t.Errorf("this process: %+v, child %+v", e, child.Entry)
	}
	if slices.ContainsFunc(table, func(e Entry) bool { return e.PID == 0 }) {
		t.Error("All has process 0")
	}
}

func TestInspectAndMeasure(t *testing.T) {
	child := start(t, 0, "a b", "", `"`, `\`, `c\"d e`, `\\f\\`, `g h\\`, "tab\there", "ü € 😀", "*", "%PATH%", "'x y'")
	d, err := Inspect(child.ID)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d.Command, child.cmd.Args) {
		t.Errorf("the command line is\n%q, want\n%q", d.Command, child.cmd.Args)
	}
	if d.ID != child.ID || d.Parent != os.Getpid() || d.Threads < 1 || d.Resident <= 0 || d.User < 0 || d.System < 0 {
		t.Errorf("Inspect: %+v", d)
	}
	if age := time.Since(d.StartTime); age < -time.Minute || age > time.Minute {
		t.Errorf("a new process is %v old", age)
	}
	u, err := Measure(child.ID)
	if err != nil {
		t.Fatal(err)
	}
	if u.Threads < 1 || u.User < 0 || u.System < 0 || u.ReapedUser >= 0 || u.ReapedSystem >= 0 {
		t.Errorf("Measure: %+v", u)
	}
}

func TestCommandLineFromMemory(t *testing.T) {
	child := start(t, 0, "a b", `c\"d`)
	line, err := peekCommandLine(child.ID)
	if want := windows.ComposeCommandLine(child.cmd.Args); err != nil || line != want {
		t.Errorf("got %q, %v, want %q", line, err, want)
	}
	if _, err := peekCommandLine(ID{child.PID, child.Start + 1}); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("with another start time: %v, want os.ErrProcessDone", err)
	}
}

func TestMeasureWork(t *testing.T) {
	self, err := Lookup(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		u, err := Measure(self.ID)
		if err != nil {
			t.Fatal(err)
		}
		if u.User+u.System >= 50*time.Millisecond {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("working for 10 s took %v and %v", u.User, u.System)
		}
	}
}

func TestFiguresNotToldAreNegative(t *testing.T) {
	for _, tell := range []bool{false, true} {
		pretend(t, tells{private: tell, transfers: tell})
		s, err := Look()
		if err != nil {
			t.Fatal(err)
		}
		u, err := s.Measure(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if (u.Proportional >= 0) != tell || (u.ReadBytes >= 0) != tell || (u.WriteBytes >= 0) != tell {
			t.Errorf("told %v: %+v", tell, u)
		}
	}
}

func TestTold(t *testing.T) {
	wine(t, "it tells no states of threads, private bytes and transfers (Wine 10)")
	if told() != (tells{true, true, true}) {
		t.Errorf("the system tells %+v only", told())
	}
}

// pretend makes the system one that tells this.
func pretend(t *testing.T, as tells) {
	real := told
	told = func() tells { return as }
	t.Cleanup(func() { told = real })
}

func TestSuspended(t *testing.T) {
	child := start(t, windows.CREATE_SUSPENDED, "x y")
	await(t, "suspended at its start", func() bool { return stopped(t, child.ID) && Resting(child.ID) })
	if d, err := Inspect(child.ID); err != nil || !slices.Equal(d.Command, child.cmd.Args) {
		t.Errorf("Inspect of one that has not run yet: %q, %v", d.Command, err)
	}
	call(t, "NtResumeProcess", child.ID, windows.PROCESS_SUSPEND_RESUME)
	child.awaitReady(t)
	if stopped(t, child.ID) || Resting(child.ID) {
		t.Error("stopped after it was resumed")
	}
	call(t, "NtSuspendProcess", child.ID, windows.PROCESS_SUSPEND_RESUME)
	await(t, "suspended", func() bool { return stopped(t, child.ID) && Resting(child.ID) })
	s, err := Look()
	if err != nil {
		t.Fatal(err)
	}
	threads := s.Threads(child.PID)
	if len(threads) < 2 {
		t.Fatalf("a program of Go has the threads %+v", threads)
	}
	for _, thread := range threads {
		if thread.ID == 0 || thread.Start == 0 || thread.State != Stopped && TellsThreads() {
			t.Errorf("thread of a suspended process: %+v", thread)
		}
	}
	// One thread that may run is enough.
	handle, err := windows.OpenThread(windows.THREAD_SUSPEND_RESUME, false, threads[1].ID)
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(handle)
	if _, err := windows.ResumeThread(handle); err != nil {
		t.Fatal(err)
	}
	await(t, "running in a thread", func() bool { return !stopped(t, child.ID) })
}

func stopped(t *testing.T, id ID) bool {
	t.Helper()
	d, err := Inspect(id)
	if err != nil {
		t.Fatal(err)
	}
	return d.State == Stopped
}

// await looks until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not %s after 10 s", what)
		}
	}
}

// call calls a function of ntdll that takes a process.
func call(t *testing.T, name string, id ID, access uint32) {
	t.Helper()
	p, err := open(id, access)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if status, _, _ := windows.NewLazySystemDLL("ntdll.dll").NewProc(name).Call(uintptr(p.handle)); status != 0 {
		t.Fatal(name, windows.NTStatus(status))
	}
}

func TestSignalWantsTheIdentity(t *testing.T) {
	child := start(t, 0)
	other := ID{child.PID, child.Start + 1} // one that had the number at another time
	for name, err := range map[string]error{
		"Signal":  Signal(other, syscall.SIGKILL),
		"Inspect": second(Inspect(other)),
		"Measure": second(Measure(other)),
	} {
		if !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("%s with another start time: %v, want os.ErrProcessDone", name, err)
		}
	}
	if Resting(other) {
		t.Error("Resting with another start time")
	}
	if err := Signal(child.ID, syscall.SIGTERM); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("SIGTERM: %v, want errors.ErrUnsupported", err)
	}
	child.lives(t)
	if err := Signal(child.ID, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	child.end()
	if status := child.cmd.ProcessState.ExitCode(); status != 1 {
		t.Errorf("the exit status of one that was terminated is %d", status)
	}
}

func TestGone(t *testing.T) {
	child := start(t, 0)
	before, err := Look()
	if err != nil {
		t.Fatal(err)
	}
	child.end()
	// Others may hold it for a moment.
	await(t, "gone", func() bool {
		p, err := open(child.ID, 0)
		if err == nil {
			p.close()
		}
		return errors.Is(err, os.ErrProcessDone)
	})
	after, err := Look()
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"Signal":                       Signal(child.ID, syscall.SIGKILL),
		"Lookup":                       second(Lookup(child.PID)),
		"Inspect":                      second(Inspect(child.ID)),
		"Measure":                      second(Measure(child.ID)),
		"Inspect in a snapshot before": second(before.Inspect(child.PID)),
		"Inspect in a snapshot after":  second(after.Inspect(child.PID)),
		"Measure in a snapshot after":  second(after.Measure(child.PID)),
	} {
		if !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("%s of a process that is gone: %v, want os.ErrProcessDone", name, err)
		}
	}
	if e, ok := before.Entry(child.PID); !ok || e.ID != child.ID {
		t.Errorf("the snapshot before has %+v, %v", e, ok)
	}
	if e, ok := after.Entry(child.PID); ok || after.Threads(child.PID) != nil {
		t.Errorf("the snapshot after has %+v", e)
	}
}

func second[T any](_ T, err error) error { return err }

func TestExitedIsNotAlive(t *testing.T) {
	child := start(t, 0)
	if exited(child.ID) {
		t.Error("exited before its end")
	}
	held, err := open(child.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer held.close()
	before, err := Look()
	if err != nil {
		t.Fatal(err)
	}
	child.end()
	if !exited(child.ID) {
		t.Error("not exited, only because it is held")
	}
	if _, err := before.Inspect(child.PID); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Inspect: %v, want os.ErrProcessDone", err)
	}
	if e, err := Lookup(child.PID); err == nil && e.Alive() || err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("it is %+v, %v", e, err)
	}
	if err := Signal(child.ID, syscall.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Signal: %v, want os.ErrProcessDone", err)
	}
}

func TestStateOfThreads(t *testing.T) {
	pretend(t, tells{threads: true})
	self, err := Lookup(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	never := ID{PID: 1 << 30, Start: 1}
	type thread struct{ state, reason uint32 }
	var (
		running    = thread{2, 5} // the reason is an old one
		ready      = thread{1, 0}
		ended      = thread{4, 0}
		suspended  = thread{5, 5}
		suspended2 = thread{5, 12}
		waits      = thread{5, 6}
		driver     = thread{5, 0}
	)
	for _, test := range []struct {
		id      ID
		threads []thread
		want    State
		rests   bool
	}{
		{never, []thread{suspended, running}, Running, false},
		{never, []thread{waits, ready}, Running, false},
		{never, []thread{suspended, suspended2}, Stopped, true},
		{never, []thread{suspended, ended}, Stopped, true},
		{never, []thread{suspended, waits}, Sleeping, false},
		{never, []thread{suspended, driver}, Sleeping, true},
		{never, []thread{waits}, Sleeping, false},
		{never, []thread{ended}, Zombie, false},
		{never, nil, Zombie, false},
		{self.ID, nil, Unknown, false}, // as if it were being made
	} {
		// The record, and behind it those of threads.
		made := new(struct {
			record
			threads [2]threadRecord
		})
		made.pid, made.created = uintptr(test.id.PID), int64(test.id.Start)
		made.threadCount = uint32(len(test.threads))
		for i, thread := range test.threads {
			made.threads[i].state, made.threads[i].reason = thread.state, thread.reason
		}
		s := &Snapshot{map[int]*record{test.id.PID: &made.record}}
		if e, ok := s.Entry(test.id.PID); !ok || e.State != test.want {
			t.Errorf("process with %+v is in state %d, want %d", test.threads, e.State, test.want)
		}
		if rests := atRest(s.Threads(test.id.PID)); rests != test.rests {
			t.Errorf("process with %+v rests: %v", test.threads, rests)
		}
	}
}

func TestNoThreadIsNotSuspended(t *testing.T) {
	if suspended(nil) {
		t.Error("a process without threads is suspended")
	}
}

func TestTableGrows(t *testing.T) {
	buf, err := table(1)
	if err != nil || len(buf) < int(unsafe.Sizeof(record{})) {
		t.Errorf("%d bytes, %v", len(buf), err)
	}
}

func TestLayout(t *testing.T) {
	type theirs = windows.SYSTEM_PROCESS_INFORMATION
	for name, offsets := range map[string][2]uintptr{
		"size":     {unsafe.Sizeof(record{}), unsafe.Sizeof(theirs{})},
		"threads":  {unsafe.Offsetof(record{}.threadCount), unsafe.Offsetof(theirs{}.NumberOfThreads)},
		"created":  {unsafe.Offsetof(record{}.created), unsafe.Offsetof(theirs{}.CreateTime)},
		"user":     {unsafe.Offsetof(record{}.user), unsafe.Offsetof(theirs{}.UserTime)},
		"kernel":   {unsafe.Offsetof(record{}.kernel), unsafe.Offsetof(theirs{}.KernelTime)},
		"name":     {unsafe.Offsetof(record{}.nameBytes), unsafe.Offsetof(theirs{}.ImageName)},
		"pid":      {unsafe.Offsetof(record{}.pid), unsafe.Offsetof(theirs{}.UniqueProcessID)},
		"parent":   {unsafe.Offsetof(record{}.parent), unsafe.Offsetof(theirs{}.InheritedFromUniqueProcessID)},
		"resident": {unsafe.Offsetof(record{}.resident), unsafe.Offsetof(theirs{}.WorkingSetSize)},
		"private":  {unsafe.Offsetof(record{}.private), unsafe.Offsetof(theirs{}.PrivatePageCount)},
		"read":     {unsafe.Offsetof(record{}.read), unsafe.Offsetof(theirs{}.ReadTransferCount)},
		"written":  {unsafe.Offsetof(record{}.written), unsafe.Offsetof(theirs{}.WriteTransferCount)},
	} {
		if offsets[0] != offsets[1] {
			t.Errorf("%s: %#x, and in package windows %#x", name, offsets[0], offsets[1])
		}
	}
	// MS-TSTS, 2.2.2.16.2.
	if size := unsafe.Sizeof(threadRecord{}); size != 0x30+4*unsafe.Sizeof(uintptr(0)) {
		t.Errorf("the record of a thread has %#x bytes", size)
	}
}

func TestNoHandleIsLeft(t *testing.T) {
	child, dead := start(t, 0), start(t, 0)
	held, err := open(dead.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer held.close()
	dead.end()
	use := func() {
		_, err := Inspect(child.ID)
		_ = Signal(ID{child.PID, child.Start + 1}, syscall.SIGKILL)
		_ = Signal(dead.ID, syscall.SIGKILL)
		if err != nil || exited(child.ID) {
			t.Fatal("the helper is gone")
		}
	}
	use()
	before := handles()
	for range 50 {
		use()
	}
	// The runtime may have made a thread or two meanwhile.
	if after := handles(); after > before+25 {
		t.Errorf("%d handles before, %d after", before, after)
	}
}

// handles counts the handles of this process by trying them: Wine 10 does not count them.
func handles() (n int) {
	info := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetHandleInformation")
	for handle := uintptr(4); handle < 4096; handle += 4 {
		var flags uint32
		if ok, _, _ := info.Call(handle, uintptr(unsafe.Pointer(&flags))); ok != 0 {
			n++
		}
	}
	return n
}
