package proctable

import "math"

// Numbers of sysctl(3) on NetBSD (sys/sysctl.h).
const (
	kernProc2    = 47
	kernProcAll  = 0
	kernProcArgs = 48
	kernProcArgv = 1
)

func table() ([]Details, error) {
	return records(&netbsdLayout, 0,
		ctlKern, kernProc2, kernProcAll, 0, int32(netbsdLayout.size), math.MaxInt32)
}

func record(pid int) (Details, error) {
	return one(&netbsdLayout, pid,
		ctlKern, kernProc2, kernProcPID, int32(pid), int32(netbsdLayout.size), 1)
}

func complete(d *Details) {
	// Another user's command line may be closed to us; the rest is not.
	if line, err := sysctl(0, ctlKern, kernProcArgs, int32(d.PID), kernProcArgv); err == nil {
		d.Command = parseArguments(line)
	}
}
