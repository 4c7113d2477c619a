package proctable

import (
	"math/bits"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func table() ([]Details, error) {
	infos, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil {
		return nil, err
	}
	all := make([]Details, len(infos))
	for i := range infos {
		all[i] = details(&infos[i])
	}
	return all, nil
}

func record(pid int) (Details, error) {
	infos, err := unix.SysctlKinfoProcSlice("kern.proc.pid", pid)
	if err != nil {
		return Details{}, err
	}
	if len(infos) == 0 {
		return Details{}, gone(pid)
	}
	return details(&infos[0]), nil
}

// details reads a struct kinfo_proc (bsd/sys/sysctl.h in XNU). Its start is the time
// by the clock at the start, and stays that when the clock is set.
func details(info *unix.KinfoProc) Details {
	p, e := &info.Proc, &info.Eproc
	start := time.Unix(p.P_starttime.Unix())
	d := Details{
		Entry: Entry{
			ID:     ID{int(p.P_pid), uint64(start.UnixMicro())},
			Parent: int(e.Ppid),
			Group:  int(e.Pgid),
			State:  stateOf(p),
			Name:   unix.ByteSliceToString(p.P_comm[:]),
		},
		StartTime: start,
		User:      -1,
		System:    -1,
		Resident:  -1,
		Threads:   -1,
	}
	// The record has only the address of the session in the kernel. That of a process
	// that exits is not told any more; it is 0 then.
	if d.State != Zombie {
		d.Session, _ = unix.Getsid(d.PID)
	}
	return d
}

// stateOf tells stopped processes and zombies from the others. XNU calls everything
// else running: what its threads do it does not keep here (bsd/sys/proc.h).
func stateOf(p *unix.ExternProc) State {
	// NOTE_EXIT comes when the process is not a zombie yet, but has this flag
	// (proc_exit in bsd/kern/kern_exit.c).
	const exiting = 0x2000 // P_WEXIT
	if p.P_flag&exiting != 0 {
		return Zombie
	}
	switch p.P_stat {
	case 2: // SRUN
		return Running
	case 3: // SSLEEP
		return Sleeping
	case 4: // SSTOP
		return Stopped
	case 5: // SZOMB
		return Zombie
	}
	return Unknown
}

func complete(d *Details) {
	// Both are open only to the user whose process it is, and to root.
	if line, err := unix.SysctlRaw("kern.procargs2", d.PID); err == nil {
		d.Command = parseProcargs2(line)
	}
	var task taskInfo
	if procInfo(procInfoPID, d.PID, procPIDTaskInfo, unsafe.Pointer(&task), unsafe.Sizeof(task)) {
		d.User = duration(task.User)
		d.System = duration(task.System)
		d.Resident = int64(task.Resident)
		d.Threads = int(task.Threads)
	}
}

func measure(id ID) (Usage, error) {
	if _, err := find(id); err != nil {
		return Usage{}, err
	}
	u := Usage{User: -1, System: -1, ReapedUser: -1, ReapedSystem: -1, Proportional: -1, ReadBytes: -1, WriteBytes: -1, Threads: -1}
	var task taskInfo
	if procInfo(procInfoPID, id.PID, procPIDTaskInfo, unsafe.Pointer(&task), unsafe.Sizeof(task)) {
		u.User = duration(task.User)
		u.System = duration(task.System)
		u.Threads = int(task.Threads)
	}
	var usage resourceUsage
	// The kernel knows the size from the flavor and takes none.
	if procInfo(procInfoResources, id.PID, resourceUsageV2, unsafe.Pointer(&usage), 0) {
		// The memory that the kernel charges to the process, and to no other one at the
		// same time: what Activity Monitor shows.
		u.Proportional = int64(usage.Footprint)
		u.ReadBytes = int64(usage.DiskRead)
		u.WriteBytes = int64(usage.DiskWritten)
	}
	// What was learned belongs to whoever had the number meanwhile.
	if _, err := find(id); err != nil {
		return Usage{}, err
	}
	return u, nil
}

// Calls and flavors of proc_info, the system call behind libproc (bsd/sys/proc_info.h
// and bsd/sys/resource.h in XNU).
const (
	procInfoPID       = 2 // PROC_INFO_CALL_PIDINFO
	procInfoResources = 9 // PROC_INFO_CALL_PIDRUSAGE
	procPIDTaskInfo   = 4 // PROC_PIDTASKINFO
	resourceUsageV2   = 2 // RUSAGE_INFO_V2
)

// taskInfo is struct proc_taskinfo. Times are in ticks, see duration.
type taskInfo struct {
	Virtual, Resident         uint64
	User, System              uint64
	ThreadsUser, ThreadSystem uint64
	_                         [9]int32 // counts of faults, messages, calls
	Threads                   int32
	_                         [2]int32
}

// resourceUsage is struct rusage_info_v2.
type resourceUsage struct {
	_                     [16]byte
	_                     [7]uint64
	Footprint             uint64
	_                     [8]uint64
	DiskRead, DiskWritten uint64
}

// procInfo makes a call of proc_info. It reports false for a process that is closed to
// us, or gone.
func procInfo(call, pid, flavor int, buf unsafe.Pointer, size uintptr) bool {
	n, _, errno := unix.Syscall6(
		unix.SYS_PROC_INFO, //nolint:staticcheck // without cgo there is no other way to it
		uintptr(call), uintptr(pid), uintptr(flavor), 0, uintptr(buf), size)
	return errno == 0 && (size == 0 || n == size)
}

// duration turns ticks of the hardware's clock into a duration. Their rate is not
// taken from mach_timebase_info(3): for a translated program (Rosetta) that speaks of
// other ticks than the kernel counts here.
func duration(ticks uint64) time.Duration {
	rate := ticksPerSecond()
	if rate == 0 {
		return -1
	}
	high, low := bits.Mul64(ticks, uint64(time.Second))
	if high >= rate {
		return -1
	}
	n, _ := bits.Div64(high, low, rate)
	return time.Duration(n)
}

// ticksPerSecond is 0 if the system does not tell.
var ticksPerSecond = sync.OnceValue(func() uint64 {
	rate, err := unix.SysctlUint64("hw.tbfrequency")
	if err != nil {
		return 0
	}
	return rate
})
