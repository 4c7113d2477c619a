package proctable

import (
	"errors"
	"os"
	"slices"
)

// Numbers of sysctl(3) on DragonFly (sys/sysctl.h).
const (
	kernProc        = 14
	kernProcAll     = 0
	kernProcArgs    = 7
	kernProcThreads = 0x10 // KERN_PROC_FLAG_LWP: one record for each thread
)

func table() ([]Details, error) {
	all, err := records(&dragonflyLayout, 0, ctlKern, kernProc, kernProcAll)
	// Threads of the kernel have no process, and the number -1.
	return slices.DeleteFunc(all, func(d Details) bool { return d.PID < 0 }), err
}

func record(pid int) (Details, error) {
	d, err := one(&dragonflyLayout, pid,
		ctlKern, kernProc, kernProcPID|kernProcThreads, int32(pid))
	if !errors.Is(err, os.ErrProcessDone) {
		return d, err
	}
	// The kernel does not find a zombie by its number (pfind in kern/kern_proc.c).
	all, err := table()
	if err != nil {
		return Details{}, err
	}
	i := slices.IndexFunc(all, func(d Details) bool { return d.PID == pid })
	if i < 0 {
		return Details{}, gone(pid)
	}
	return all[i], nil
}

func complete(d *Details) {
	// The kernel keeps only short command lines, and does not tell their size. Another
	// user's may be closed to us; the rest is not.
	const size = 4096
	if line, err := sysctl(size, ctlKern, kernProc, kernProcArgs, int32(d.PID)); err == nil {
		d.Command = parseArguments(line)
	}
}
