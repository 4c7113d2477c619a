package proctable

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Snapshot is the process table at one moment, with the threads.
type Snapshot struct {
	records map[int]*record // by process number
}

// Look takes a snapshot. Under Wine 10 a process that is being made has a start time without
// a meaning, and so another identity than later; it has not run yet.
func Look() (*Snapshot, error) {
	buf, err := table(512 << 10)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{make(map[int]*record)}
	for {
		r := (*record)(unsafe.Pointer(&buf[0]))
		// Number 0 is no process, but the time in which none runs.
		if r.pid != 0 {
			s.records[int(r.pid)] = r
		}
		if r.next == 0 {
			return s, nil
		}
		buf = buf[r.next:]
	}
}

// table returns the table as the system writes it: a record for each process, with those of
// its threads behind it. It makes room for this many bytes at first.
func table(size uint32) ([]byte, error) {
	for ; ; size *= 2 {
		buf := make([]byte, size)
		err := windows.NtQuerySystemInformation(windows.SystemProcessInformation, unsafe.Pointer(&buf[0]), size, nil)
		if errors.Is(err, windows.STATUS_INFO_LENGTH_MISMATCH) {
			continue
		}
		return buf, os.NewSyscallError("NtQuerySystemInformation", err)
	}
}

// Entry returns the line of a process, and false if there is none.
func (s *Snapshot) Entry(pid int) (Entry, bool) {
	r, ok := s.records[pid]
	if !ok {
		return Entry{}, false
	}
	return r.entry(), true
}

// Inspect returns the details of a process. The error for one that is not in the snapshot, or
// has exited meanwhile, wraps os.ErrProcessDone.
func (s *Snapshot) Inspect(pid int) (Details, error) {
	r, ok := s.records[pid]
	if !ok {
		return Details{}, gone(pid)
	}
	d := r.details()
	p, err := open(d.ID, windows.SYNCHRONIZE)
	if errors.Is(err, os.ErrProcessDone) {
		return Details{}, err
	}
	// Another user's process may be closed to us; the table is not.
	if err != nil {
		return d, nil
	}
	defer p.close()
	if p.exited() {
		return Details{}, gone(pid)
	}
	d.Command = p.command()
	if d.State == Unknown && suspended(r.threads()) {
		d.State = Stopped
	}
	return d, nil
}

// Measure returns what a process used at the moment of the snapshot. The error for one that
// is not in it wraps os.ErrProcessDone.
func (s *Snapshot) Measure(pid int) (Usage, error) {
	r, ok := s.records[pid]
	if !ok {
		return Usage{}, gone(pid)
	}
	u := Usage{
		User:         ticks(r.user),
		System:       ticks(r.kernel),
		ReapedUser:   -1,
		ReapedSystem: -1,
		Proportional: -1,
		ReadBytes:    -1,
		WriteBytes:   -1,
		Threads:      int(r.threadCount),
	}
	if told().private {
		u.Proportional = int64(r.private)
	}
	if told().transfers {
		u.ReadBytes = r.read
		u.WriteBytes = r.written
	}
	return u, nil
}

// record is SYSTEM_PROCESS_INFORMATION as in package windows, but without pointers: that type
// must be aligned, as it is by Windows and not by Wine 10, and not be copied, since some of
// its pointers are none.
type record struct {
	next, threadCount     uint32
	_                     [3]uint64
	created, user, kernel int64
	nameBytes, _          uint16
	name                  uintptr
	_                     int32
	pid, parent           uintptr
	_                     [2]uint32
	_                     [3]uintptr
	_                     uint32
	_                     uintptr
	resident              uintptr
	_                     [6]uintptr
	private               uintptr // bytes; called PrivatePageCount
	_                     [3]int64
	read, written         int64
	_                     int64
}

func (r *record) id() ID { return ID{int(r.pid), uint64(r.created)} }

func (r *record) entry() Entry {
	return Entry{
		ID:     r.id(),
		Parent: int(r.parent),
		State:  r.state(),
		Name:   r.image(),
	}
}

// image returns the name, which is in the same buffer.
func (r *record) image() string {
	if r.nameBytes == 0 {
		return ""
	}
	name := unsafe.Add(unsafe.Pointer(r), r.name-uintptr(unsafe.Pointer(r)))
	return windows.UTF16ToString(unsafe.Slice((*uint16)(name), r.nameBytes/2))
}

func (r *record) details() Details {
	created := windows.Filetime{LowDateTime: uint32(r.created), HighDateTime: uint32(r.created >> 32)}
	return Details{
		Entry:     r.entry(),
		StartTime: time.Unix(0, created.Nanoseconds()),
		User:      ticks(r.user),
		System:    ticks(r.kernel),
		Resident:  int64(r.resident),
		Threads:   int(r.threadCount),
	}
}

// ticks is a number of units of 100 ns.
func ticks(n int64) time.Duration { return time.Duration(n) * 100 }

// tells is what a system may leave 0 in the table, and Wine 10 does: the states of threads,
// private bytes, bytes read and written.
type tells struct{ threads, private, transfers bool }

// told is what this system tells.
var told = sync.OnceValue(func() (t tells) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s, err := Look()
	if err != nil {
		return t // there is nothing to be told then
	}
	self := s.records[os.Getpid()]
	threads := self.threads()
	for i := range threads {
		current := uint32(threads[i].id) == windows.GetCurrentThreadId()
		t.threads = t.threads || current && threads[i].state == threadRunning
	}
	t.private = self.private > 0
	for _, r := range s.records {
		t.transfers = t.transfers || r.read > 0
	}
	return t
})
