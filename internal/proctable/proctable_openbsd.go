package proctable

import (
	"math"
	"unsafe"
)

// Numbers of sysctl(3) on OpenBSD (sys/sysctl.h).
const (
	kernProc     = 66
	kernProcAll  = 0 // without kernel threads
	kernProcArgs = 55
	kernProcArgv = 1
)

func table() ([]Details, error) {
	all, err := records(&openbsdLayout, 0,
		ctlKern, kernProc, kernProcAll, 0, int32(openbsdLayout.size), math.MaxInt32)
	for i := range all {
		guessSession(&all[i])
	}
	return all, err
}

func record(pid int) (Details, error) {
	d, err := one(&openbsdLayout, pid,
		ctlKern, kernProc, kernProcPID, int32(pid), int32(openbsdLayout.size), 1)
	guessSession(&d)
	return d, err
}

// guessSession fills in the session where the kernel tells 0: when its leader has exited.
// The process group is the session's first one, unless the process has made another.
func guessSession(d *Details) {
	if d.Session == 0 {
		d.Session = d.Group
	}
}

func complete(d *Details) {
	// The kernel does not give out the command line of a process that is about to run
	// another program, for example.
	line, err := sysctl(0, ctlKern, kernProcArgs, int32(d.PID), kernProcArgv)
	if err == nil && len(line) > 0 {
		d.Command = parseArgv(line, uint64(uintptr(unsafe.Pointer(&line[0]))))
	}
}
