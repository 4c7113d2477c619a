package proctable

// Numbers of sysctl(3) on FreeBSD (sys/sysctl.h).
const (
	kernProc     = 14
	kernProcArgs = 7
	kernProcProc = 8 // one record for each process, whatever its threads
)

func table() ([]Details, error) {
	return records(&freebsdLayout, 0, ctlKern, kernProc, kernProcProc)
}

func record(pid int) (Details, error) {
	return one(&freebsdLayout, pid, ctlKern, kernProc, kernProcPID, int32(pid))
}

func complete(d *Details) {
	// Another user's command line may be closed to us; the rest is not.
	if line, err := sysctl(0, ctlKern, kernProc, kernProcArgs, int32(d.PID)); err == nil {
		d.Command = parseArguments(line)
	}
}
