//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd || windows

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
// A payload tells that it is where the test wants it by a line on a pipe, which all
// processes of a tree share: the word "ready" and its number. Another pipe is for the
// other direction: its end of file tells payloads that wait for it to go on. Both are
// inherited (handOn, inherited).
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
	"daemon":   payloadDaemon,
	"leave":    payloadLeave,
	"ignore":   payloadIgnore,
	"handle":   payloadHandle,
	"stopped":  payloadStopped,
	"burn":     payloadBurn,
	"burning":  payloadBurning,
	"spin":     payloadSpin,
	"describe": payloadDescribe,
	"cat":      payloadCat,
}

func init() {
	// Each way of starting a process is a verb: it starts another payload in that way.
	for way, attr := range ways {
		payloads[way] = func(args []string) { spawn(attr, args); park() }
	}
	// await does what the rest says when the test lets it go on.
	payloads["await"] = func(args []string) {
		payloadRelease(nil)
		payloads[args[0]](args[1:])
	}
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
	told     = sync.OnceValue(func() *os.File { return inherited(0) })
	listened = sync.OnceValue(func() *os.File { return inherited(1) })
)

// ready tells the test that this process is where it should be.
func ready() { say("ready") }

func say(word string) {
	fmt.Fprintf(told(), "%s %d\n", word, os.Getpid())
}

func park() { select {} }

// goOn blocks until the test lets this process go on.
func goOn() { _, _ = listened().Read(make([]byte, 1)) }

// payloadTelling is a payload as a command of this process's mark, which tells on this pipe.
func payloadTelling(tell *os.File, attr *syscall.SysProcAttr, args []string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self, append([]string{os.Getenv(payloadEnv)}, args...)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = attr
	handOn(cmd, tell, listened())
	return cmd
}

func spawn(attr *syscall.SysProcAttr, args []string) *exec.Cmd {
	cmd := payloadTelling(told(), attr, args)
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	return cmd
}

// spawnReady is spawn, and waits until the payload is ready. The test does not hear of it:
// what the payload tells is returned.
func spawnReady(attr *syscall.SysProcAttr, args []string) (cmd *exec.Cmd, line string) {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	cmd = payloadTelling(w, attr, args)
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	w.Close()
	line, err = bufio.NewReader(r).ReadString('\n')
	if err != nil {
		panic(err)
	}
	return cmd, line
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

// payloadDaemon becomes a daemon in the way of old: a child that goes away, into a new
// session on Unix, of which the child goes on while the other two exit. The leader stays.
func payloadDaemon(args []string) {
	middle := spawn(ways[away], append([]string{"leave", "plain"}, args...))
	_ = middle.Wait()
	say("ready")
	park()
}

// payloadLeave starts another payload in the way that is named first, and exits when that
// is ready. Not before the other one has left this process's session: else it would be
// found there when this one ends.
func payloadLeave(args []string) {
	_, line := spawnReady(ways[args[0]], args[1:])
	fmt.Fprint(told(), line)
}

func payloadIgnore([]string) {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	ready()
	park()
}

// payloadHandle tells of the signals that it gets, and exits with 7 when it is asked to end.
func payloadHandle([]string) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, askedToEnd, harmless, syscall.SIGINT)
	ready()
	for sig := range signals {
		say(gotSignal(sig))
		if sig == askedToEnd {
			os.Exit(7)
		}
	}
}

// gotSignal is what a payload says that handles a signal.
func gotSignal(sig os.Signal) string { return "got-" + strconv.Itoa(int(sig.(syscall.Signal))) }

// payloadBurn has a child use the CPU for some milliseconds, and is ready when it is gone.
func payloadBurn(args []string) {
	cmd := spawn(nil, []string{"burning", args[0]})
	_ = cmd.Wait()
	ready()
	park()
}

func payloadBurning(args []string) {
	for limit := time.Duration(number(args)) * time.Millisecond; cpuTime() < limit; {
		for range 10000 {
			runtime.KeepAlive(slices.Max([]int{1, 2, 3}))
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
	if line, err := bufio.NewReader(inheritedExtra()).ReadString('\n'); err == nil {
		extra = strings.TrimSpace(line)
	}
	fmt.Printf("dir=%s env=%s uid=%d extra=%s", dir, os.Getenv("PROCGROUP_TEST_VALUE"), os.Getuid(), extra)
}

func payloadCat([]string) {
	in := bufio.NewReader(os.Stdin)
	_, _ = in.WriteTo(os.Stdout)
}
