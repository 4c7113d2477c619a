package proctable

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Thread is a thread in a Snapshot.
type Thread struct {
	ID    uint32
	Start uint64 // as in the ID of a process
	State State
}

// Threads returns the threads of a process, or none if it is not in the snapshot.
func (s *Snapshot) Threads(pid int) []Thread {
	r, ok := s.records[pid]
	if !ok {
		return nil
	}
	records := r.threads()
	threads := make([]Thread, len(records))
	for i := range records {
		t := &records[i]
		threads[i] = Thread{uint32(t.id), uint64(t.created), t.doing()}
	}
	return threads
}

// TellsThreads reports whether the system tells the states of threads, as Windows does and
// Wine 10 does not.
func TellsThreads() bool { return told().threads }

// threadRecord is SYSTEM_THREAD_INFORMATION ([MS-TSTS], 2.2.2.16.2).
type threadRecord struct {
	kernel, user, created int64
	_                     uint32 // time in this state
	_                     uintptr
	process, id           uintptr
	_                     [3]uint32 // priorities and context switches
	state                 uint32
	reason                uint32
	_                     uint32
}

// threads returns the records behind that of the process.
func (r *record) threads() []threadRecord {
	if r.threadCount == 0 {
		return nil
	}
	return unsafe.Slice((*threadRecord)(unsafe.Add(unsafe.Pointer(r), unsafe.Sizeof(*r))), r.threadCount)
}

// state sums up what the threads do.
func (r *record) state() State {
	var count [Zombie + 1]int
	records := r.threads()
	for i := range records {
		count[records[i].doing()]++
	}
	switch {
	case count[Zombie] == len(records):
		// A process that is being made has no threads either.
		if exited(r.id()) {
			return Zombie
		}
		return Unknown
	case count[Unknown] > 0:
		return Unknown
	case count[Running] > 0:
		return Running
	case count[Stopped]+count[Zombie] == len(records):
		return Stopped
	}
	return Sleeping
}

// doing returns the state of the thread, as far as it is told.
func (t *threadRecord) doing() State {
	if !TellsThreads() {
		return Unknown
	}
	switch t.state {
	case threadWaiting:
		return waiting(t.reason)
	case threadTerminated:
		return Zombie
	}
	return Running
}

// States of threads (KTHREAD_STATE in ksarm.h of the Windows kits). In all others it runs or
// is about to.
const (
	threadRunning    = 2
	threadTerminated = 4
	threadWaiting    = 5
)

// waiting returns the state of a thread that waits for a reason (KWAIT_REASON in wdm.h of the
// Windows kits, where half of them stand twice).
func waiting(reason uint32) State {
	switch reason {
	case 5, 12: // Suspended
		return Stopped
	case 0, 7, // Executive: a driver, for example
		1, 2, 3, 8, 9, 10, 18, 19, 23, 25, 39, // memory
		26, 27, 28, 29, 34, 35, 36: // the kernel's own locks
		return Blocked
	}
	return Sleeping
}

// suspended reports whether all threads have been told to stop. It is for systems that do
// not tell whether they have done so, which takes them a moment.
func suspended(threads []threadRecord) bool {
	stopped := 0
	for i := range threads {
		n, err := threads[i].suspensions()
		if errors.Is(err, os.ErrProcessDone) {
			continue
		}
		if err != nil || n == 0 {
			return false
		}
		stopped++
	}
	return stopped > 0
}

// suspensions returns how many times the thread has to be resumed before it runs.
func (t *threadRecord) suspensions() (uint32, error) {
	handle, err := windows.OpenThread(windows.THREAD_QUERY_INFORMATION, false, uint32(t.id))
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		return 0, os.ErrProcessDone
	}
	if err != nil {
		return 0, os.NewSyscallError("OpenThread", err)
	}
	defer windows.CloseHandle(handle)
	var times [4]int64 // of creation, exit, kernel, user
	err = queryThread(handle, threadTimes, unsafe.Pointer(&times), unsafe.Sizeof(times))
	if err == nil && times[0] != t.created {
		err = os.ErrProcessDone
	}
	var n uint32
	if err == nil {
		err = queryThread(handle, threadSuspendCount, unsafe.Pointer(&n), unsafe.Sizeof(n))
	}
	return n, err
}

// Classes of NtQueryInformationThread.
const (
	threadTimes        = 1
	threadSuspendCount = 35 // since Windows 8.1
)

func queryThread(thread windows.Handle, class uintptr, info unsafe.Pointer, size uintptr) error {
	status, _, _ := ntQueryInformationThread.Call(uintptr(thread), class, uintptr(info), size, 0)
	if status != 0 {
		return os.NewSyscallError("NtQueryInformationThread", windows.NTStatus(status))
	}
	return nil
}

var ntQueryInformationThread = windows.NewLazySystemDLL("ntdll.dll").NewProc("NtQueryInformationThread")
