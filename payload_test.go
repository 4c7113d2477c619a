//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/procgroup/procgroup"
)

// The test binary is its own helper program. Run with payloadEnv set it is a payload: a
// process that does what its arguments say:
//
//	TESTBINARY MARK VERB [ARG...]
//
// The mark makes everything that a test starts findable in the process table: it is in
// the arguments and in the environment (in payloadEnv) of every payload.
//
// A payload tells that it is where the test wants it by a line on descriptor 3, which
// all processes of a tree share: the word "ready" and its number. Descriptor 4 is for
// the other direction: its end of file tells payloads that wait for it to go on.
const payloadEnv = "PROCGROUP_TEST_MARK"

// payloadLimit is how long a payload lives at most: none outlives its test for long,
// even if everything fails.
const payloadLimit = 2 * time.Minute

func TestMain(m *testing.M) {
	if mark := os.Getenv(payloadEnv); mark != "" && len(os.Args) > 2 && os.Args[1] == mark {
		payload(os.Args[2], os.Args[3:])
	}
	procgroup.Init()
	// With the race detector a process would wait for a second before it exits.
	os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	os.Exit(m.Run())
}

// payloads are the verbs. Those of one system are added by its own file.
var payloads = map[string]func(args []string){
	"exit":     func(args []string) { os.Exit(number(args)) },
	"sleep":    func([]string) { ready(); park() },
	"release":  payloadRelease,
	"print":    payloadPrint,
	"tree":     payloadTree,
	"spawn":    payloadSpawn,
	"setsid":   func(args []string) { spawn(&syscall.SysProcAttr{Setsid: true}, args); park() },
	"setpgid":  func(args []string) { spawn(&syscall.SysProcAttr{Setpgid: true}, args); park() },
	"daemon":   payloadDaemon,
	"leave":    payloadLeave,
	"ignore":   payloadIgnore,
	"handle":   payloadHandle,
	"stopped":  payloadStopped,
	"burn":     payloadBurn,
	"spin":     payloadSpin,
	"describe": payloadDescribe,
	"cat":      payloadCat,
}

func payload(verb string, args []string) {
	time.AfterFunc(payloadLimit, func() { os.Exit(99) })
	run, ok := payloads[verb]
	if !ok {
		fmt.Fprintf(os.Stderr, "no payload %q\n", verb)
		os.Exit(98)
	}
	defer func() {
		if why := recover(); why != nil {
			fmt.Fprintln(os.Stderr, verb, args, why)
			say("failed")
			os.Exit(97)
		}
	}()
	run(args)
	os.Exit(0)
}

func number(args []string) int {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		panic(err)
	}
	return n
}

// told and listened are the two pipes. Each is one file for ever: another would close the
// descriptor when it is collected as garbage.
var (
	told     = sync.OnceValue(func() *os.File { return os.NewFile(3, "tell") })
	listened = sync.OnceValue(func() *os.File { return os.NewFile(4, "listen") })
)

// ready tells the test that this process is where it should be.
func ready() { say("ready") }

func say(word string) {
	fmt.Fprintf(told(), "%s %d\n", word, os.Getpid())
}

func park() { select {} }

// goOn blocks until the test lets this process go on.
func goOn() { _, _ = listened().Read(make([]byte, 1)) }

// payloadCommand is a payload as a command of this process's mark.
func payloadCommand(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self, append([]string{os.Getenv(payloadEnv)}, args...)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{told(), listened()}
	return cmd
}

func spawn(attr *syscall.SysProcAttr, args []string) *exec.Cmd {
	cmd := payloadCommand(args...)
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	return cmd
}

// payloadRelease waits until the test lets it go on, and exits.
func payloadRelease([]string) {
	ready()
	goOn()
}

func payloadPrint(args []string) {
	fmt.Print(args[0])
	if len(args) > 1 {
		fmt.Fprint(os.Stderr, args[1])
	}
}

// payloadTree starts a tree of the depth and the width.
func payloadTree(args []string) {
	depth, width := number(args[:1]), number(args[1:])
	for range width {
		if depth > 0 {
			spawn(nil, []string{"tree", strconv.Itoa(depth - 1), args[1]})
		}
	}
	ready()
	park()
}

// payloadSpawn starts another payload and does nothing itself.
func payloadSpawn(args []string) {
	spawn(nil, args)
	park()
}

// payloadDaemon becomes a daemon in the way of old: a child in a new session, of which
// the child goes on while the other two exit. The leader stays.
func payloadDaemon(args []string) {
	middle := spawn(&syscall.SysProcAttr{Setsid: true}, append([]string{"leave", "plain"}, args...))
	_ = middle.Wait()
	say("ready")
	park()
}

// payloadLeave starts another payload and exits when that is ready, or is about to be.
func payloadLeave(args []string) {
	attr := new(syscall.SysProcAttr)
	attr.Setsid = args[0] == "setsid"
	// Not before the other one has left this process's session: else it would be found
	// there when this one ends.
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	cmd := payloadCommand(args[1:]...)
	cmd.SysProcAttr = attr
	cmd.ExtraFiles[0] = w
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		panic(err)
	}
	fmt.Fprint(told(), line)
}

func payloadIgnore([]string) {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	ready()
	park()
}

// payloadHandle tells of the signals that it gets, and exits with 7 at a TERM.
func payloadHandle([]string) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGINT)
	ready()
	for sig := range signals {
		say("got-" + strconv.Itoa(int(sig.(syscall.Signal))))
		if sig == syscall.SIGTERM {
			os.Exit(7)
		}
	}
}

// payloadStopped starts a child that stops itself, and is ready when it has.
func payloadStopped([]string) {
	child := spawn(nil, []string{"stopself"})
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(child.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		panic(fmt.Sprintln("child did not stop:", status, err))
	}
	fmt.Fprintf(told(), "ready %d\n", child.Process.Pid)
	park()
}

func init() {
	if _, ok := payloads["stopself"]; ok {
		return // this system has a better one
	}
	payloads["stopself"] = func([]string) {
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		say("woken")
		park()
	}
}

func init() {
	// await does what the rest says when the test lets it go on.
	payloads["await"] = func(args []string) {
		payloadRelease(nil)
		payloads[args[0]](args[1:])
	}
}

// payloadBurn has a child use the CPU for some milliseconds, and is ready when it is gone.
func payloadBurn(args []string) {
	cmd := spawn(nil, []string{"burning", args[0]})
	_ = cmd.Wait()
	ready()
	park()
}

func init() {
	payloads["burning"] = func(args []string) {
		limit := time.Duration(number(args)) * time.Millisecond
		for {
			var usage syscall.Rusage
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
			if time.Duration(usage.Utime.Nano()) >= limit {
				return
			}
			for range 10000 {
				runtime.KeepAlive(slices.Max([]int{1, 2, 3}))
			}
		}
	}
}

// payloadSpin counts in the file that it is given, for ever.
func payloadSpin(args []string) {
	f, err := os.OpenFile(args[0], os.O_WRONLY, 0)
	if err != nil {
		panic(err)
	}
	for n := 0; ; n++ {
		_, _ = f.WriteAt([]byte(fmt.Sprintf("%20d", n)), 0)
		if n == 0 {
			ready()
		}
	}
}

// payloadDescribe prints what it was started with.
func payloadDescribe([]string) {
	dir, _ := os.Getwd()
	extra := "none"
	if line, err := bufio.NewReader(os.NewFile(5, "extra")).ReadString('\n'); err == nil {
		extra = strings.TrimSpace(line)
	}
	fmt.Printf("dir=%s env=%s uid=%d extra=%s", dir, os.Getenv("PROCGROUP_TEST_VALUE"), os.Getuid(), extra)
}

func payloadCat([]string) {
	in := bufio.NewReader(os.Stdin)
	_, _ = in.WriteTo(os.Stdout)
}
