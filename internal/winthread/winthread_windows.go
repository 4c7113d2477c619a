// Package winthread stops threads of other processes on Windows.
package winthread

import (
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Thread is a thread of some process, held by a handle.
type Thread struct{ handle windows.Handle }

// Open returns the thread with this number that was created at this time (in units of FILETIME).
// The error for one that is gone wraps os.ErrProcessDone.
func Open(id uint32, created uint64) (*Thread, error) {
	const access = windows.SYNCHRONIZE | windows.THREAD_SUSPEND_RESUME | windows.THREAD_GET_CONTEXT |
		windows.THREAD_QUERY_LIMITED_INFORMATION
	handle, err := windows.OpenThread(access, false, id)
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		return nil, gone(id)
	}
	if err != nil {
		return nil, os.NewSyscallError("OpenThread", err)
	}
	t := &Thread{handle}
	var creation, exit, kernel, user windows.Filetime
	ok, _, err := getThreadTimes.Call(uintptr(handle), uintptr(unsafe.Pointer(&creation)),
		uintptr(unsafe.Pointer(&exit)), uintptr(unsafe.Pointer(&kernel)), uintptr(unsafe.Pointer(&user)))
	switch {
	case ok == 0:
		t.Close()
		return nil, os.NewSyscallError("GetThreadTimes", err)
	case uint64(creation.HighDateTime)<<32|uint64(creation.LowDateTime) != created:
		t.Close()
		return nil, gone(id)
	}
	return t, nil
}

func gone(id uint32) error { return fmt.Errorf("thread %d: %w", id, os.ErrProcessDone) }

// Suspend adds one to the number of times that the thread has to be resumed before it runs.
// It stops some time later: see Stand. A thread that is ending may give ERROR_ACCESS_DENIED.
func (t *Thread) Suspend() error { return t.count(suspendThread, "SuspendThread") }

// Resume takes one away again. To do that to a thread that has ended is no error.
func (t *Thread) Resume() error {
	err := t.count(resumeThread, "ResumeThread")
	if err != nil && t.isEnding() {
		return nil
	}
	return err
}

// isEnding reports whether the thread has ended, or is about to since its process was
// terminated.
func (t *Thread) isEnding() bool {
	event, err := windows.WaitForSingleObject(t.handle, uint32(endingLimit.Milliseconds()))
	return err == nil && event == windows.WAIT_OBJECT_0
}

// endingLimit is how long a thread that cannot be resumed is given to end.
const endingLimit = 100 * time.Millisecond

func (t *Thread) count(proc *windows.LazyProc, name string) error {
	if before, _, err := proc.Call(uintptr(t.handle)); uint32(before) == ^uint32(0) {
		return os.NewSyscallError(name, err)
	}
	return nil
}

// context is as large and as aligned as a CONTEXT of any architecture.
type context [256]struct{ a, b uint64 }

// Stand returns when a thread that was suspended has stopped: the system answers for its
// registers only then. The runtime of Go itself, among others, goes by that (preemptM in
// runtime/os_windows.go). It can take as long as a call of the thread into the kernel.
func (t *Thread) Stand() error {
	// Aligned to 16 bytes, which Go promises to nobody.
	buf := new([2]context)
	at := (uintptr(unsafe.Pointer(buf)) + 15) &^ 15
	c := unsafe.Add(unsafe.Pointer(buf), at-uintptr(unsafe.Pointer(buf)))
	*(*uint32)(unsafe.Add(c, contextFlagsOffset)) = contextControl
	ok, _, err := getThreadContext.Call(uintptr(t.handle), uintptr(c))
	if ok == 0 {
		return os.NewSyscallError("GetThreadContext", err)
	}
	return nil
}

// Close gives the handle back. The thread stays as it is.
func (t *Thread) Close() { windows.CloseHandle(t.handle) }

var (
	kernel32         = windows.NewLazySystemDLL("kernel32.dll")
	getThreadTimes   = kernel32.NewProc("GetThreadTimes")
	suspendThread    = kernel32.NewProc("SuspendThread")
	resumeThread     = kernel32.NewProc("ResumeThread")
	getThreadContext = kernel32.NewProc("GetThreadContext")
)

// ResumeProcess is Resume for all threads of a process, mostly one that was started suspended and
// has but one. The handle needs PROCESS_SUSPEND_RESUME.
func ResumeProcess(process windows.Handle) error {
	status, _, _ := ntResumeProcess.Call(uintptr(process))
	if status != 0 {
		return os.NewSyscallError("NtResumeProcess", windows.NTStatus(status))
	}
	return nil
}

var ntResumeProcess = windows.NewLazySystemDLL("ntdll.dll").NewProc("NtResumeProcess")
