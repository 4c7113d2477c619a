package cli

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/proctable"
)

// systemPayloads are those that mean something on this system only.
var systemPayloads = map[string]func(){
	"firstproc": firstProc,
	"jobshell":  jobShell,
	"orphans":   orphans,
}

// firstProc is the first process of namespaces that were just made: it makes /proc theirs
// and becomes its arguments.
func firstProc() {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err == nil {
		err = unix.Mount("proc", "/proc", "proc", 0, "")
	}
	var name string
	if err == nil {
		name, err = exec.LookPath(os.Args[1])
	}
	if err == nil {
		err = unix.Exec(name, os.Args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(statusFailed)
}

// orphans leaves many behind who end at once, and says "reaped" when they are gone from
// the process table, or who is not.
func orphans() {
	const many = 300
	if err := exec.Command("sh", "-c", `i=0; while [ $i -lt $0 ]; do (setsid true &); i=$((i+1)); done`,
		fmt.Sprint(many)).Run(); err != nil {
		fmt.Println(err)
		return
	}
	var left []proctable.Entry
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		left, _ = proctable.All()
		left = slices.DeleteFunc(left, func(e proctable.Entry) bool { return e.Name != "true" && e.Alive() })
		if len(left) == 0 {
			fmt.Println("reaped")
			return
		}
	}
	fmt.Println("left:", left)
}

// awaitStopped waits until a whole process group has stopped, as a user does before the
// next command.
func awaitStopped(group int) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		table, err := proctable.All()
		if err == nil && !slices.ContainsFunc(table, func(e proctable.Entry) bool {
			return e.Group == group && e.Alive() && e.State != proctable.Stopped
		}) {
			return
		}
	}
}

// jobShell is as much of a shell with job control as it takes: it runs its arguments as
// a foreground job of the terminal on its standard input. On descriptor 3 it tells when
// the job stops and ends, and on each line from descriptor 4 it continues it: in the
// foreground, or in the background if the line is "bg".
func jobShell() {
	report, orders := os.NewFile(3, "report"), bufio.NewScanner(os.NewFile(4, "orders"))
	unix.CloseOnExec(3)
	unix.CloseOnExec(4)
	shell := terminal{ours: unix.Getpgrp()}
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Foreground: true}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(report, err)
		return
	}
	job := cmd.Process.Pid
	for {
		var status unix.WaitStatus
		if _, err := unix.Wait4(job, &status, unix.WUNTRACED, nil); err == unix.EINTR {
			continue
		}
		if status.Stopped() {
			awaitStopped(job)
		}
		whose := map[int]string{job: "the job", shell.ours: "the shell"}[shell.foreground()]
		_ = shell.setForeground(shell.ours)
		if !status.Stopped() {
			fmt.Fprintf(report, "exit %d, terminal with %s\n", status.ExitStatus(), whose)
			orders.Scan() // our end hangs up, and drops what was not read from the screen
			return
		}
		fmt.Fprintf(report, "stopped by %s, terminal with %s\n", signalName(status.StopSignal()), whose)
		orders.Scan()
		if orders.Text() != "bg" {
			_ = shell.setForeground(job)
		}
		_ = unix.Kill(-job, unix.SIGCONT)
	}
}
