package cli

import (
	"fmt"
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
	"late":     late,
	"leave":    leave,
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

// late says its argument a little later.
func late() {
	time.Sleep(50 * time.Millisecond)
	fmt.Println(os.Args[1])
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
