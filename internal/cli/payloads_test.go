package cli

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// payloads are the programs that tests run. They fail with the status of a panic.
var payloads = map[string]func(){
	"catch":    func() { catch(passedOn) },
	"catchall": func() { catch(everySignal) },
	"drop":     drop,
	"exit":     exit,
	"getenv":   getenv,
	"hold":     hold,
	"late":     late,
	"leave":    leave,
	"listen":   listen,
	"say":      say,
	"tries":    tries,
}

// catch says "NAME ready" and then each signal that it gets, until it is its last
// argument.
func catch(which []os.Signal) {
	name, last := os.Args[1], os.Args[len(os.Args)-1]
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, which...)
	fmt.Println(name, "ready", os.Getpid())
	for sig := range signals {
		text := signalName(sig.(syscall.Signal))
		fmt.Println(name, text)
		if text == last {
			return
		}
	}
}

// drop starts its arguments, without a standard stream, and ends.
func drop() {
	if err := exec.Command(os.Args[1], os.Args[2:]...).Start(); err != nil {
		panic(err)
	}
}

// exit exits with its argument.
func exit() { os.Exit(number(os.Args[1])) }

// getenv says the values of its arguments, each in a line.
func getenv() {
	for _, name := range os.Args[1:] {
		fmt.Println(os.Getenv(name))
	}
}

// hold makes a file and stays.
func hold() {
	if err := os.WriteFile(os.Args[1], nil, 0o600); err != nil {
		panic(err)
	}
	time.Sleep(patience)
}

// late says its argument a little later, and exits with the next one, if there is one.
func late() {
	time.Sleep(50 * time.Millisecond)
	fmt.Println(os.Args[1])
	if len(os.Args) > 2 {
		os.Exit(number(os.Args[2]))
	}
}

// leave starts what follows its first argument, and exits with that. What it starts has the
// same standard streams.
func leave() {
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	os.Exit(number(os.Args[1]))
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

// listen accepts connections on a port of this machine.
func listen() {
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		panic(err)
	}
	for {
		if conn, err := l.Accept(); err == nil {
			conn.Close()
		}
	}
}

// say says its first argument, the second on standard error, and then does the rest.
func say() {
	fmt.Println(os.Args[1])
	fmt.Fprintln(os.Stderr, os.Args[2])
	if len(os.Args) == 3 {
		return
	}
	cmd := exec.Command(os.Args[3], os.Args[4:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	_ = cmd.Run()
	os.Exit(cmd.ProcessState.ExitCode())
}

// tries writes a letter to the end of a file, and fails as long as there are fewer than its
// second argument says.
func tries() {
	f, err := os.OpenFile(os.Args[1], os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		panic(err)
	}
	if _, err := f.WriteString("x"); err != nil {
		panic(err)
	}
	if info, err := f.Stat(); err != nil || info.Size() < int64(number(os.Args[2])) {
		os.Exit(1)
	}
}
