package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// systemPayloads are those that mean something on this system only, and programs that other
// systems have.
var systemPayloads = map[string]func(){
	"cat":    func() { _, _ = io.Copy(os.Stdout, os.Stdin) },
	"create": create,
	"echo":   func() { fmt.Println(strings.Join(os.Args[1:], " ")) },
	"press":  press,
	"sleep":  sleep,
	"true":   func() {},
}

func sleep() {
	seconds, err := strconv.ParseFloat(os.Args[1], 64)
	if err != nil {
		panic(err)
	}
	time.Sleep(time.Duration(seconds * float64(time.Second)))
}

var creationFlags = map[string]uint32{
	"DETACHED_PROCESS":          windows.DETACHED_PROCESS,
	"CREATE_NEW_PROCESS_GROUP":  windows.CREATE_NEW_PROCESS_GROUP,
	"CREATE_NEW_CONSOLE":        windows.CREATE_NEW_CONSOLE,
	"CREATE_NO_WINDOW":          windows.CREATE_NO_WINDOW,
	"CREATE_BREAKAWAY_FROM_JOB": windows.CREATE_BREAKAWAY_FROM_JOB,
}

// create starts what follows its first argument, with that flag, and ends. If it may not, it
// says so.
func create() {
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: creationFlags[os.Args[1]]}
	switch err := cmd.Start(); {
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		fmt.Println("denied")
	case err != nil:
		panic(err)
	}
}

// press presses a key, "Ctrl-C" or "Ctrl-Break", on the console of another process.
func press() {
	event := map[string]uint32{
		"Ctrl-C": windows.CTRL_C_EVENT, "Ctrl-Break": windows.CTRL_BREAK_EVENT,
	}[os.Args[1]]
	ours := make(chan os.Signal, 1)
	signal.Notify(ours, os.Interrupt) // or it would end this process as well
	kernel32 := windows.NewLazySystemDLL("kernel32.dll")
	_, _, _ = kernel32.NewProc("FreeConsole").Call()
	if ok, _, err := kernel32.NewProc("AttachConsole").Call(uintptr(number(os.Args[2]))); ok == 0 {
		panic(err)
	}
	if err := windows.GenerateConsoleCtrlEvent(event, 0); err != nil {
		panic(err)
	}
}
