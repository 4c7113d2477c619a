package procgroup_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/pprof"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/internal/proctable"
)

// crowd is how many members a group has where many are wanted, stormWidth how many are there
// at any time in a large storm. A process takes some hundredths of a second to start.
const (
	crowd      = 200
	stormWidth = "6"
)

// graceOfHandlers is short: whether members can be asked to end depends on the console.
const graceOfHandlers = shortGrace

// tableOfSystem is what tables about this system have behind their heading. lackedHere are
// guarantees that are documented, and that this machine cannot give.
const tableOfSystem = " on Windows"

func lackedHere() procgroup.Guarantees {
	if underWine() {
		return procgroup.Accounting
	}
	return 0
}

// cpuIsTold reports whether groups tell how long they have used the CPU. Wine does not count
// that for a job.
func cpuIsTold() bool { return !underWine() }

// cgroupDirectories returns nothing: a job is gone with its owner.
func cgroupDirectories(*testing.T) []string { return nil }

// variantName is in the names of tests that forEachVariant runs.
const variantName = "job_with"

// forEachVariant runs a test with commands that os/exec has to start, so that none is born in
// its job.
func forEachVariant(t *testing.T, test func(*testing.T, procgroup.Containment)) {
	t.Run("job with suspended starts", func(t *testing.T) {
		if testing.Short() {
			t.Skip("a part of the tests starts commands in both ways")
		}
		leaveToExec = true
		defer func() { leaveToExec = false }()
		test(t, procgroup.Job)
	})
}

// wine skips a test of what Wine does not do.
func wine(t *testing.T, why string) {
	t.Helper()
	if underWine() {
		t.Skipf("not under Wine: %s", why)
	}
}

func underWine() bool { return ntdll.NewProc("wine_get_version").Find() == nil }

// few reports whether a test of very many processes is to do with few. It is for variants too,
// since a process takes long to start.
func few(t *testing.T) bool { return brief(t) }

// needsHandlers is called by tests in which members handle what asks them to end.
func needsHandlers(t *testing.T) {
	t.Helper()
	wine(t, "Ctrl-Break has no effect there")
}

// stillFor is how long a paused group is watched, and cpuNoise how long a process may seem
// to use the CPU meanwhile that stands still. Under Wine to look at a process is to run it for a
// moment, since its memory is read by ptrace(2), and times are in ticks of 10 ms.
const stillFor = 100 * time.Millisecond

var cpuNoise = func() time.Duration {
	if underWine() {
		return 20 * time.Millisecond
	}
	return 0
}()

// looksPaused reports whether a process shows that it is paused.
func looksPaused(d proctable.Details) bool { return d.State == proctable.Stopped }

var ntdll = windows.NewLazySystemDLL("ntdll.dll")

// inEnvironment finds nobody: the mark is in the arguments of all that tests start here.
func inEnvironment(int, string) bool { return false }

// quick returns a command that ends well at once.
func (f *fixture) quick() *exec.Cmd { return f.payload("exit", "0") }

// sleeper returns a command that stays, and is not heard of.
func (f *fixture) sleeper() *exec.Cmd { return f.payload("park") }

// waysToHear are the ways that do not keep a member from hearing of os.Interrupt.
var waysToHear = []string{"plain"}

// politely is a payload that ends with 7 if it is asked to, by askPolitely.
var politely = []string{"await", "exit", "7"}

func (f *fixture) askPolitely(*os.Process) error { return f.goOn.Close() }

// The errors for programs that cannot be started.
var (
	errNoProgram = exec.ErrNotFound
	errDirectory = exec.ErrNotFound
)

// notSignals are what cannot be sent here, with the error for it.
var notSignals = map[os.Signal]error{
	syscall.SIGTERM: errors.ErrUnsupported, syscall.Signal(0): errors.ErrUnsupported,
	syscall.Signal(1000): errors.ErrUnsupported, notASignal{}: os.ErrInvalid,
}

// wasKilled reports whether Kill has ended a command.
func wasKilled(state *os.ProcessState) bool { return state.ExitCode() == 1 }

// countDescriptors counts the handles that this process has open, of the kinds that this
// package uses. It does not count those that the runtime of Go keeps for each of its threads:
// these are made when many goroutines are in the system at once, and stay.
func countDescriptors() int {
	warmUp()
	open := openHandles()
	threads := pprof.Lookup("threadcreate").Count()
	n := 0
	for kind, perThread := range handleKinds {
		n += max(0, open[kind]-perThread*threads)
	}
	return n
}

// handleKinds are the kinds that are counted, with how many of each the runtime has for a thread
// (minit and semacreate in runtime/os_windows.go). Libraries of the system open others as they
// like.
var handleKinds = map[string]int{"File": 0, "IoCompletion": 0, "Job": 0, "Process": 0, "Section": 0, "Thread": 1, "Event": 2}

// warmUp does once what opens handles that the system's libraries keep for ever.
var warmUp = sync.OnceFunc(func() {
	g, err := procgroup.New(procgroup.Options{})
	if err != nil {
		return
	}
	cmd := exec.Command("cmd")
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_SUSPENDED}
	if g.Start(cmd) == nil {
		_ = g.Terminate() // looks for windows
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	_ = g.Close()
	_, _ = inspect(os.Getpid()) // takes a command line apart
})

func describeDescriptors() []string {
	list := []string{fmt.Sprint(pprof.Lookup("threadcreate").Count(), " threads")}
	for kind, count := range openHandles() {
		list = append(list, fmt.Sprintf("%s:%d", kind, count))
	}
	return list
}

// openHandles counts the handles of this process by what they refer to. GetProcessHandleCount
// does not tell under Wine.
func openHandles() map[string]int {
	const extendedHandleInformation = 64 // SystemExtendedHandleInformation
	type entry struct {
		Object, PID, Handle        uintptr
		Access                     uint32
		BackTraceIndex, ObjectType uint16
		Attributes, Reserved       uint32
	}
	type table struct {
		Count, Reserved uintptr
		Entries         [1]entry
	}
	var buf []byte
	for size := uint32(1 << 20); ; size *= 2 {
		buf = make([]byte, size)
		var needed uint32
		err := windows.NtQuerySystemInformation(extendedHandleInformation, unsafe.Pointer(&buf[0]), size, &needed)
		if err == nil {
			break
		}
		if !errors.Is(err, windows.STATUS_INFO_LENGTH_MISMATCH) {
			panic(err)
		}
	}
	head := (*table)(unsafe.Pointer(&buf[0]))
	open := make(map[string]int)
	for _, e := range unsafe.Slice(&head.Entries[0], head.Count) {
		if int(e.PID) != os.Getpid() {
			continue
		}
		if kind, err := kindOf(windows.Handle(e.Handle)); err == nil { // else it was closed
			open[kind]++
		}
	}
	return open
}

// kindOf returns the name of what a handle refers to.
func kindOf(handle windows.Handle) (string, error) {
	const objectTypeInformation = 2 // ObjectTypeInformation
	var info struct {
		Name windows.NTUnicodeString
		_    [1024]byte
	}
	status, _, _ := ntdll.NewProc("NtQueryObject").Call(uintptr(handle), objectTypeInformation,
		uintptr(unsafe.Pointer(&info)), unsafe.Sizeof(info), 0)
	if status != 0 {
		return "", windows.NTStatus(status)
	}
	return info.Name.String(), nil
}
