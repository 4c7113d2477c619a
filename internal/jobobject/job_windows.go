package jobobject

import (
	"errors"
	"os"
	"slices"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Job is a job object that no handle but this one refers to, unless somebody duplicates it:
// when it is closed, or its owner is dead, the system terminates all processes in the job
// (JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE). What these start is in the job as well; breaking away
// is not allowed. Its methods may be called from many goroutines at once, but not beside or
// after Close.
type Job struct {
	handle windows.Handle
	news   uintptr // the key of its messages, see port
}

// New makes an empty job. heed is called with every message about it, in one goroutine for
// all jobs: it must not block.
func New(heed func(Message)) (*Job, error) {
	handle, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, os.NewSyscallError("CreateJobObject", err)
	}
	j := &Job{handle: handle}
	if err := j.limit(windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE); err != nil {
		windows.CloseHandle(handle)
		return nil, err
	}
	if j.news, err = thePort.add(handle, heed); err != nil {
		windows.CloseHandle(handle)
		return nil, err
	}
	return j, nil
}

// limit sets the limits that need no figures.
func (j *Job) limit(flags uint32) error {
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = flags
	return set(j.handle, windows.JobObjectExtendedLimitInformation, unsafe.Pointer(&info), unsafe.Sizeof(info))
}

func set(job windows.Handle, class uint32, info unsafe.Pointer, size uintptr) error {
	_, err := windows.SetInformationJobObject(job, class, uintptr(info), uint32(size))
	return os.NewSyscallError("SetInformationJobObject", err)
}

func (j *Job) query(class int32, info unsafe.Pointer, size uintptr) error {
	err := windows.QueryInformationJobObject(j.handle, class, uintptr(info), uint32(size), nil)
	return os.NewSyscallError("QueryInformationJobObject", err)
}

// Close ends the job and everybody in it, unless LetGo was called.
func (j *Job) Close() {
	thePort.remove(j.news)
	windows.CloseHandle(j.handle)
}

// LetGo lets the processes live when the job is closed. They stay in it, but nobody can
// reach it any more.
func (j *Job) LetGo() error { return j.limit(0) }

// Handle returns the job's handle, which is the job's.
func (j *Job) Handle() windows.Handle { return j.handle }

// Assign puts a process into the job. The handle needs PROCESS_SET_QUOTA and
// PROCESS_TERMINATE. ERROR_ACCESS_DENIED is the error for a process that has exited, or that is in
// a job which this one cannot be nested in (Windows page "Nested Jobs").
func (j *Job) Assign(process windows.Handle) error {
	return os.NewSyscallError("AssignProcessToJobObject", windows.AssignProcessToJobObject(j.handle, process))
}

// Open returns a handle of a process to ask about it, which has SYNCHRONIZE too. The caller
// closes it. ERROR_INVALID_PARAMETER, and only that, is the error for one that is gone.
func Open(pid int) (windows.Handle, error) {
	process, err := windows.OpenProcess(windows.SYNCHRONIZE|windows.PROCESS_QUERY_INFORMATION, false, uint32(pid))
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) { // less will do on Windows, but not under Wine
		process, err = windows.OpenProcess(windows.SYNCHRONIZE|windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	}
	return process, os.NewSyscallError("OpenProcess", err)
}

// Contains reports whether a process is in the job, which its handle has to let one ask.
func (j *Job) Contains(process windows.Handle) (bool, error) {
	var in int32
	ok, _, err := isProcessInJob.Call(uintptr(process), uintptr(j.handle), uintptr(unsafe.Pointer(&in)))
	if ok == 0 {
		return false, os.NewSyscallError("IsProcessInJob", err)
	}
	return in != 0, nil
}

// Terminate ends all processes in the job with an exit status. A process that is being
// started by one of them may be missed.
func (j *Job) Terminate(status uint32) error {
	return os.NewSyscallError("TerminateJobObject", windows.TerminateJobObject(j.handle, status))
}

// listed is the number of processes that PIDs has room for at first.
const listed = 64

// PIDs lists the processes in the job, and in jobs nested in it. Under Wine there may be dead
// ones among them.
func (j *Job) PIDs() ([]int, error) {
	const header = 8 // two numbers of 32 bits: how many there are, and how many are listed
	for room := listed; ; room *= 2 {
		buf := make([]uintptr, room+header/int(unsafe.Sizeof(uintptr(0))))
		size := uintptr(len(buf)) * unsafe.Sizeof(buf[0])
		err := j.query(windows.JobObjectBasicProcessIdList, unsafe.Pointer(&buf[0]), size)
		if errors.Is(err, windows.ERROR_MORE_DATA) {
			continue
		}
		if err != nil {
			return nil, err
		}
		counts := (*[2]uint32)(unsafe.Pointer(&buf[0]))
		if counts[1] < counts[0] {
			continue
		}
		pids := make([]int, counts[1])
		for i, pid := range buf[len(buf)-room:][:counts[1]] {
			pids[i] = int(pid)
		}
		return pids, nil
	}
}

// Alive returns those of PIDs that are alive. If some are enough, it stops at the first.
func (j *Job) Alive(some bool) ([]int, error) {
	pids, err := j.PIDs()
	if some {
		if i := slices.IndexFunc(pids, j.lives); i >= 0 {
			return pids[i : i+1], err
		}
		return nil, err
	}
	return slices.DeleteFunc(pids, func(pid int) bool { return !j.lives(pid) }), err
}

// lives reports whether the process that has the number now is in the job and has not exited.
// Of one that may not be asked the job's own list is believed.
func (j *Job) lives(pid int) bool {
	process, err := Open(pid)
	if err != nil {
		return !errors.Is(err, windows.ERROR_INVALID_PARAMETER)
	}
	defer windows.CloseHandle(process)
	if HasExited(process) {
		return false
	}
	in, err := j.Contains(process)
	return in || err != nil
}

// HasExited reports whether a process has. The handle needs SYNCHRONIZE.
func HasExited(process windows.Handle) bool {
	event, err := windows.WaitForSingleObject(process, 0)
	return err == nil && event == windows.WAIT_OBJECT_0
}

// Usage is what the processes in a job have used, those that have exited included.
type Usage struct {
	User, Kernel          time.Duration
	ReadBytes, WriteBytes uint64 // of all kinds of I/O
	PeakMemory            uint64 // the most that was committed at one time, in bytes
}

// basicAndIOAccounting is JOBOBJECT_BASIC_AND_IO_ACCOUNTING_INFORMATION. Times are in units of
// 100 ns.
type basicAndIOAccounting struct {
	TotalUserTime             int64
	TotalKernelTime           int64
	ThisPeriodTotalUserTime   int64
	ThisPeriodTotalKernelTime int64
	TotalPageFaultCount       uint32
	TotalProcesses            uint32
	ActiveProcesses           uint32
	TotalTerminatedProcesses  uint32
	IO                        windows.IO_COUNTERS
}

// Usage returns what the job has used.
func (j *Job) Usage() (Usage, error) {
	var a basicAndIOAccounting
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	err := errors.Join(
		j.query(windows.JobObjectBasicAndIoAccountingInformation, unsafe.Pointer(&a), unsafe.Sizeof(a)),
		j.query(windows.JobObjectExtendedLimitInformation, unsafe.Pointer(&limits), unsafe.Sizeof(limits)),
	)
	if err != nil {
		return Usage{}, err
	}
	return Usage{
		User:       time.Duration(a.TotalUserTime) * 100,
		Kernel:     time.Duration(a.TotalKernelTime) * 100,
		ReadBytes:  a.IO.ReadTransferCount,
		WriteBytes: a.IO.WriteTransferCount,
		PeakMemory: uint64(limits.PeakJobMemoryUsed),
	}, nil
}

// CanAccount reports whether Usage works. It does on Windows, but not under Wine.
var CanAccount = sync.OnceValue(func() bool {
	handle, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return false
	}
	defer windows.CloseHandle(handle)
	_, err = (&Job{handle: handle}).Usage()
	return err == nil
})

// freezeInformation is JOBOBJECT_FREEZE_INFORMATION, which no header of Microsoft's tells: it
// is known from the symbols of the kernel (ntoskrnl.exe).
type freezeInformation struct {
	Flags             uint32 // 1: the operation is to freeze, or to thaw
	Freeze            bool
	Swap              bool
	_                 [2]byte
	WakeHigh, WakeLow uint32
}

// jobObjectFreezeInformation is the class that it belongs to.
const jobObjectFreezeInformation = 18

// Freeze stops all processes in the job, and those that come, until it is called with false.
// Some systems cannot (Wine); whether everybody stands still has to be looked at.
func (j *Job) Freeze(freeze bool) error {
	info := freezeInformation{Flags: 1, Freeze: freeze}
	return set(j.handle, jobObjectFreezeInformation, unsafe.Pointer(&info), unsafe.Sizeof(info))
}

var isProcessInJob = windows.NewLazySystemDLL("kernel32.dll").NewProc("IsProcessInJob")
