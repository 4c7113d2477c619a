package procgroup_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/procgroup/procgroup/internal/winthread"
)

// ways are the ways in which payloads start others. One that is started in the way away
// wants to be left alone.
var ways = map[string]*syscall.SysProcAttr{
	"plain":       nil,
	"detached":    {CreationFlags: windows.DETACHED_PROCESS},
	"new-group":   {CreationFlags: windows.CREATE_NEW_PROCESS_GROUP},
	"new-console": {CreationFlags: windows.CREATE_NEW_CONSOLE},
	"no-window":   {CreationFlags: windows.CREATE_NO_WINDOW},
}

const away = "detached"

// harmless is a signal that ends nobody who handles it, and askedToEnd the one by which
// Terminate asks.
const (
	harmless   = syscall.SIGINT
	askedToEnd = syscall.SIGINT
)

func init() {
	payloads["park"] = func([]string) { park() }
	payloads["stopped"] = payloadStopped
	payloads["many"] = payloadMany
	payloads["storm"] = payloadStorm
	payloads["storming"] = payloadStorming
	payloads["chain"] = payloadChain
	payloads["breakaway"] = payloadBreakaway
	payloads["nested"] = payloadNested
	payloads["threads"] = payloadThreads
	payloads["window"] = payloadWindow
	payloads["report"] = payloadReport
}

// The numbers of inherited handles are in the environment: they are the same in every process
// that inherits them.
const (
	pipesEnv = "PROCGROUP_TEST_PIPES"
	extraEnv = "PROCGROUP_TEST_EXTRA"
)

// leaveToExec makes payloads commands for which os/exec has something to do.
var leaveToExec bool

// handOn gives a command the two pipes, for a payload that it runs.
func handOn(cmd *exec.Cmd, tell, listen *os.File) {
	if leaveToExec {
		cmd.WaitDelay = patience
	}
	attr := new(syscall.SysProcAttr)
	if cmd.SysProcAttr != nil {
		*attr = *cmd.SysProcAttr
	}
	attr.AdditionalInheritedHandles = []syscall.Handle{inheritable(tell), inheritable(listen)}
	cmd.SysProcAttr = attr
	cmd.Env = append(cmd.Environ(), fmt.Sprintf("%s=%d %d", pipesEnv, tell.Fd(), listen.Fd()))
}

// inheritable makes a file one that can be inherited. Only by those to whom it is given, if all
// name what they give.
func inheritable(file *os.File) syscall.Handle {
	const flag = windows.HANDLE_FLAG_INHERIT
	if err := windows.SetHandleInformation(windows.Handle(file.Fd()), flag, flag); err != nil {
		panic(err)
	}
	return syscall.Handle(file.Fd())
}

// inherited returns one of the two.
func inherited(i int) *os.File {
	var numbers [2]uintptr
	if _, err := fmt.Sscan(os.Getenv(pipesEnv), &numbers[0], &numbers[1]); err != nil {
		panic(err)
	}
	return os.NewFile(numbers[i], "inherited")
}

// handExtra gives a command another file, with the attributes that are returned.
func handExtra(cmd *exec.Cmd, file *os.File) *syscall.SysProcAttr {
	cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", extraEnv, file.Fd()))
	return &syscall.SysProcAttr{AdditionalInheritedHandles: []syscall.Handle{inheritable(file)}}
}

// inheritedExtra returns that.
func inheritedExtra() *os.File {
	return os.NewFile(uintptr(number([]string{os.Getenv(extraEnv)})), "extra")
}

// payloadStopped starts a child, suspends it, and is ready when it has.
func payloadStopped([]string) {
	child, line := spawnReady(nil, []string{"sleep"})
	if err := child.Process.WithHandle(suspend); err != nil {
		panic(err)
	}
	fmt.Fprint(told(), line)
	park()
}

// suspend adds one to the number of times that a process has to be resumed before it runs.
func suspend(process uintptr) {
	if status, _, _ := ntdll.NewProc("NtSuspendProcess").Call(process); status != 0 {
		panic(windows.NTStatus(status))
	}
}

// resume takes one away again.
func resume(process uintptr) {
	if err := winthread.ResumeProcess(windows.Handle(process)); err != nil {
		panic(err)
	}
}

// payloadMany has many children.
func payloadMany(args []string) {
	for range number(args) {
		spawn(nil, []string{"park"})
	}
	ready()
	park()
}

// stormGenerations bounds a storm to less than a minute.
const stormGenerations = 200

// payloadStorm starts processes as fast as it can: there are always so many, each of which
// starts one and exits, so that nobody has seen those who are there now.
func payloadStorm(args []string) {
	for range number(args) {
		spawn(nil, []string{"storming", strconv.Itoa(stormGenerations)})
	}
	ready()
	park()
}

// payloadStorming starts its successor, unless the test lets it go on, and exits.
func payloadStorming(args []string) {
	if n := number(args); n > 0 && !mayGoOn() {
		spawn(nil, []string{"storming", strconv.Itoa(n - 1)})
	}
}

// mayGoOn reports whether goOn would return at once.
func mayGoOn() bool {
	ok, _, _ := windows.NewLazySystemDLL("kernel32.dll").NewProc("PeekNamedPipe").Call(listened().Fd(), 0, 0, 0, 0, 0)
	return ok == 0
}

// payloadChain exits, and leaves a process that starts another and exits, and so on, so many
// times.
func payloadChain(args []string) {
	payloadStorming(args)
	ready()
}

// payloadBreakaway tries to start a process outside, and is ready if it may not.
func payloadBreakaway(args []string) {
	cmd := payloadTelling(told(), &syscall.SysProcAttr{CreationFlags: windows.CREATE_BREAKAWAY_FROM_JOB}, args)
	if err := cmd.Start(); !errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		panic(fmt.Sprint("to break away is not denied: ", err))
	}
	ready()
	park()
}

// payloadNested starts another payload in a job of its own.
func payloadNested(args []string) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		panic(err)
	}
	cmd := spawn(&syscall.SysProcAttr{CreationFlags: windows.CREATE_SUSPENDED}, args)
	handleErr := cmd.Process.WithHandle(func(handle uintptr) {
		process := windows.Handle(handle)
		err = errors.Join(windows.AssignProcessToJobObject(job, process), winthread.ResumeProcess(process))
	})
	if err := errors.Join(handleErr, err); err != nil {
		panic(err)
	}
	park()
}

// payloadThreads has threads come and go all the time.
func payloadThreads([]string) {
	for range 4 {
		go threadStorm()
	}
	ready()
	park()
}

// threadStorm ends with its thread, and with a successor.
func threadStorm() {
	runtime.LockOSThread()
	time.Sleep(time.Millisecond)
	go threadStorm()
}

// payloadReport prints what it was started with, and exits as its environment says.
func payloadReport(args []string) {
	dir, _ := os.Getwd()
	in, err := io.ReadAll(os.Stdin)
	env := os.Environ()
	slices.Sort(env)
	fmt.Printf("args %q\ndir %s\nin %q %v\n%s\n", args, dir, in, err, strings.Join(env, "\n"))
	fmt.Fprintln(os.Stderr, "to stderr")
	if status, err := strconv.ParseUint(os.Getenv("PROCGROUP_TEST_STATUS"), 0, 32); err == nil {
		windows.ExitProcess(uint32(status))
	}
}

// payloadWindow has a window, and exits with 7 when that is to be closed.
func payloadWindow([]string) {
	runtime.LockOSThread() // which is asked for its messages
	user32 := windows.NewLazySystemDLL("user32.dll")
	defWindowProc := user32.NewProc("DefWindowProcW")
	const wmClose = 0x10
	class := struct { // WNDCLASSEXW
		Size, Style                        uint32
		Procedure                          uintptr
		ClassExtra, WindowExtra            int32
		Instance, Icon, Cursor, Background uintptr
		MenuName, ClassName                *uint16
		SmallIcon                          uintptr
	}{
		Procedure: windows.NewCallback(func(window, message, wParam, lParam uintptr) uintptr {
			if message == wmClose {
				os.Exit(7)
			}
			result, _, _ := defWindowProc.Call(window, message, wParam, lParam)
			return result
		}),
		ClassName: windows.StringToUTF16Ptr("procgroup test"),
	}
	class.Size = uint32(unsafe.Sizeof(class))
	if atom, _, err := user32.NewProc("RegisterClassExW").Call(uintptr(unsafe.Pointer(&class))); atom == 0 {
		panic(err)
	}
	name := uintptr(unsafe.Pointer(class.ClassName))
	window, _, err := user32.NewProc("CreateWindowExW").Call(0, name, name, 0, 0, 0, 10, 10, 0, 0, 0, 0)
	if window == 0 {
		panic(err)
	}
	ready()
	var message [64]byte // larger than an MSG
	for {
		_, _, _ = user32.NewProc("GetMessageW").Call(uintptr(unsafe.Pointer(&message)), 0, 0, 0)
		_, _, _ = user32.NewProc("DispatchMessageW").Call(uintptr(unsafe.Pointer(&message)))
	}
}

// cpuTime returns how long this process has used the CPU for itself.
func cpuTime() time.Duration {
	var creation, exit, kernel, user windows.Filetime
	_ = windows.GetProcessTimes(windows.CurrentProcess(), &creation, &exit, &kernel, &user)
	return time.Duration(int64(user.HighDateTime)<<32|int64(user.LowDateTime)) * 100
}
