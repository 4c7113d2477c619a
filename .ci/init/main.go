//go:build linux

// Init is the first process of the machine that ../kernel/run boots. It runs a test
// binary as root and as an ordinary user, tells how each run ended, and powers off.
//
// Its arguments are the command to run. What ../kernel/run reads is the line
//
//	init: NAME: exit STATUS
//
// of each run, where a status that is not 0 also stands for a run that found another
// containment than it was made for, or left something behind.
//
// As "init reap COMMAND" it runs the command on the machine that it is on, and does no
// more than to reap its orphans, and to fail if one is left behind.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/procgroup/procgroup"
)

// user is the ordinary user and its group.
const user = 1000

func main() {
	if len(os.Args) == 3 && os.Args[1] == "expect" {
		os.Exit(expect(procgroup.Containment(os.Args[2])))
	}
	if len(os.Args) > 2 && os.Args[1] == "reap" {
		os.Exit(reap(os.Args[2:]))
	}
	if err := boot(); err != nil {
		fmt.Println("init:", err)
	}
	syscall.Sync()
	// Power off, or what comes nearest to it: the kernel may lack the means.
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)
}

func boot() error {
	if err := mountAll(); err != nil {
		return err
	}
	runs, err := prepareRuns()
	if err != nil {
		return err
	}
	for _, r := range runs {
		fmt.Printf("\ninit: %s: begin\n", r.name)
		start := time.Now()
		status := r.all(os.Args[1:])
		fmt.Printf("\ninit: %s: took %.1fs\n", r.name, time.Since(start).Seconds())
		fmt.Printf("init: %s: exit %d\n", r.name, status)
	}
	return nil
}

// mountAll mounts the file systems that a Linux machine has.
func mountAll() error {
	for _, m := range []struct{ kind, point, data string }{
		{"proc", "/proc", ""},
		{"sysfs", "/sys", ""},
		{"devtmpfs", "/dev", ""},
		{"tmpfs", "/tmp", "mode=1777"},
		{"tmpfs", "/run", "mode=755"},
		{"cgroup2", cgroupRoot, ""},
	} {
		if err := os.MkdirAll(m.point, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(m.kind, m.point, m.kind, 0, m.data); err != nil {
			return fmt.Errorf("mount %s on %s: %w", m.kind, m.point, err)
		}
	}
	return nil
}

// run is one run of the tests.
type run struct {
	name        string
	cgroup      string // the cgroup it runs in
	uid         int
	containment procgroup.Containment // the strongest that must work in it
	tests       string                // which of them, unless the command says so itself
}

// prepareRuns makes the cgroups of the runs.
func prepareRuns() ([]run, error) {
	if err := write(cgroupRoot+"/cgroup.subtree_control", "+memory +pids +cpu +io"); err != nil {
		return nil, err
	}
	// A cgroup with controllers for its children holds no process itself, so the
	// processes are in one below it.
	delegated := cgroupRoot + "/delegated"
	own := delegated + "/own"
	foreign := cgroupRoot + "/foreign"
	for _, dir := range []string{delegated, own, foreign} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, err
		}
	}
	for _, dir := range []string{delegated, own} {
		if err := delegate(dir); err != nil {
			return nil, err
		}
	}
	if err := write(delegated+"/cgroup.subtree_control", "+memory +pids +cpu"); err != nil {
		return nil, err
	}
	return []run{
		// Each run tests what the others do not: code is slow here.
		{"root", cgroupRoot, 0, procgroup.Cgroup, "/^cgroup"},
		{"user with a delegated cgroup", own, user, procgroup.Cgroup, "/^cgroup$"},
		{"user without a cgroup", foreign, user, procgroup.Session, "/^session$"},
	}, nil
}

// delegate gives a cgroup to the ordinary user, as cgroups(7) says under "Cgroups
// delegation".
func delegate(dir string) error {
	for _, file := range []string{"", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"} {
		if err := os.Chown(filepath.Join(dir, file), user, user); err != nil {
			return err
		}
	}
	return nil
}

func write(file, text string) error {
	return os.WriteFile(file, []byte(text), 0)
}

// all checks the run's containment, runs the command, and looks for what is left. It
// returns the first exit status that is not 0.
func (r run) all(command []string) int {
	if status := r.start([]string{"/init", "expect", string(r.containment)}); status != 0 {
		return status
	}
	if !slices.ContainsFunc(command, func(arg string) bool { return strings.HasPrefix(arg, "-test.run") }) {
		command = append(slices.Clip(command), "-test.run="+r.tests)
	}
	return r.start(command)
}

// start runs one command as the run's user, in its cgroup, and returns its exit
// status.
func (r run) start(args []string) int {
	status, err := r.spawn(args)
	if err == nil {
		err = errors.Join(nobodyLeft(), r.noCgroupLeft())
	}
	if err != nil {
		fmt.Println("init:", err)
		return max(status, 1)
	}
	return status
}

func (r run) spawn(args []string) (status int, err error) {
	attr, err := r.attributes()
	if err != nil {
		return 0, err
	}
	defer syscall.Close(attr.Sys.CgroupFD)
	// Not os/exec: it would wait beside awaitExit.
	pid, err := syscall.ForkExec(args[0], args, attr)
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", args[0], err)
	}
	return awaitExit(pid)
}

func (r run) attributes() (*syscall.ProcAttr, error) {
	home := filepath.Join("/run/user", fmt.Sprint(r.uid))
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chown(home, r.uid, r.uid); err != nil {
		return nil, err
	}
	cgroup, err := syscall.Open(r.cgroup, syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", r.cgroup, err)
	}
	return &syscall.ProcAttr{
		Dir: "/src",
		Env: []string{
			"PATH=/bin",
			"TERM=dumb",
			"HOME=" + home,
			"XDG_RUNTIME_DIR=" + home,
		},
		Files: []uintptr{0, 1, 2},
		Sys: &syscall.SysProcAttr{
			Setsid:      true,
			Credential:  &syscall.Credential{Uid: uint32(r.uid), Gid: uint32(r.uid)},
			UseCgroupFD: true,
			CgroupFD:    cgroup,
		},
	}, nil
}

// expect checks that a containment is the strongest that works for this process.
func expect(want procgroup.Containment) int {
	g, err := procgroup.New(procgroup.Options{})
	if err == nil {
		err = g.Close()
	}
	switch {
	case err != nil:
		fmt.Println("init:", err)
		return 1
	case g.Containment() != want:
		fmt.Printf("init: the strongest containment is %s, not %s\n", g.Containment(), want)
		for _, s := range procgroup.Survey() {
			fmt.Printf("init: %s: %v\n", s.Containment, s.Err)
		}
		return 1
	}
	return 0
}
