//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd || windows

package proctable

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// ID identifies a process among all that run until the system restarts.
type ID struct {
	PID   int
	Start uint64 // the kernel's time stamp of the start; comparable, no more
}

// State is what a process is doing.
type State byte

// The states of a process.
const (
	Unknown  State = iota // something else
	Running               // running, or ready to
	Sleeping              // signals wake it
	Blocked               // in the kernel, signals do not wake it
	Stopped               // by a signal or a debugger, or suspended
	Zombie                // dead, not yet reaped; on Windows held by some handle
)

// atRest reports whether what is in this state cannot run: a Blocked one stops before it
// runs again, if it was told to.
func (s State) atRest() bool { return s == Stopped || s == Blocked || s == Zombie }

// Entry is a line of the process table. Windows has no process groups and sessions of
// this kind: both are 0 there. The parent stays the same there when it ends, while its
// number may be given to another process.
type Entry struct {
	ID
	Parent  int
	Group   int // process group
	Session int
	State   State
	Name    string
}

// Alive reports whether the process is more than its exit status.
func (e Entry) Alive() bool { return e.State != Zombie }

// Details is what the table tells about one process. A negative figure is one that
// the system does not tell.
type Details struct {
	Entry
	Command      []string // nil if it cannot be read
	StartTime    time.Time
	User, System time.Duration // CPU time
	Resident     int64         // bytes, shared pages included
	Threads      int
}

// Usage is what a process uses. A negative figure is one that the system does not
// tell, at all or to this user.
type Usage struct {
	User, System          time.Duration
	ReapedUser            time.Duration // CPU time of children that it has waited for, and theirs
	ReapedSystem          time.Duration
	Proportional          int64 // bytes of memory, shared pages divided by who shares them; on Windows the private ones
	ReadBytes, WriteBytes int64 // from and to block devices; on Windows from and to everything
	Threads               int
}

// All returns the process table. A process that comes or goes meanwhile may or may not
// be in it; but what a process has started that was missed, because it ended, is there,
// if the system was not too busy to catch up with.
func All() ([]Entry, error) { return all() }

// Younger is All without the processes that are older than the one with this number,
// and false where it cannot be told at less cost. It is right only for a process that
// was started so recently that numbers have not gone all the way round since.
func Younger(pid int) ([]Entry, bool) { return younger(pid) }

// Lookup returns the entry of the process with this number. The error for one that
// is gone wraps os.ErrProcessDone.
func Lookup(pid int) (Entry, error) { return lookup(pid) }

// Inspect returns the details of a process. The error for one that is gone wraps
// os.ErrProcessDone. Where the table has no states of threads (Wine), it tells a process that
// is suspended from others, as All and Lookup do not.
func Inspect(id ID) (Details, error) { return inspect(id) }

// Measure returns what a process uses. The error for one that is gone wraps
// os.ErrProcessDone.
func Measure(id ID) (Usage, error) { return measure(id) }

// Resting reports whether nothing of the process can run: all its threads are stopped, or
// blocked in the kernel, or dead. The state in an Entry is that of one thread, where the
// system tells the others', and on Windows sums up all of them. Of a process that is dead as
// a whole, or gone, it is not said: what that has started shortly before may run. Where the
// states of threads are not told (Wine), it is said of those that were told to stop.
func Resting(id ID) bool { return resting(id) }

// Signal sends sig to the process. The error for one that is gone wraps
// os.ErrProcessDone: whoever has its number now gets nothing. On Windows SIGKILL terminates,
// with exit status 1; the error for any other signal wraps errors.ErrUnsupported.
func Signal(id ID, sig syscall.Signal) error { return signal(id, sig) }

// gone is the error for a process that is not there, or not any more.
func gone(pid int) error { return fmt.Errorf("process %d: %w", pid, os.ErrProcessDone) }
