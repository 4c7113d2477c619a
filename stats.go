package procgroup

import (
	"encoding/json"
	"fmt"
	"time"
)

// Optional is a figure that the machine may be unable to tell. Like in
// [database/sql.Null], V means something only if Valid; the zero value is an
// absent figure.
type Optional[T any] struct {
	V     T
	Valid bool
}

// known returns v as a figure, absent if v is negative: so the packages below this one
// mark what they cannot tell.
func known[T int | time.Duration](v T) Optional[T] {
	if v < 0 {
		return Optional[T]{}
	}
	return Optional[T]{V: v, Valid: true}
}

// knownBytes is known for numbers of bytes.
func knownBytes(n int64) Optional[uint64] {
	if n < 0 {
		return Optional[uint64]{}
	}
	return Optional[uint64]{V: uint64(n), Valid: true}
}

// String formats the figure, an absent one as "-".
func (o Optional[T]) String() string {
	if !o.Valid {
		return "-"
	}
	return fmt.Sprint(o.V)
}

// MarshalJSON encodes the figure, an absent one as null.
func (o Optional[T]) MarshalJSON() ([]byte, error) {
	if !o.Valid {
		return []byte("null"), nil
	}
	return json.Marshal(o.V)
}

// UnmarshalJSON decodes what MarshalJSON returns.
func (o *Optional[T]) UnmarshalJSON(data []byte) error {
	*o = Optional[T]{}
	if string(data) == "null" {
		return nil
	}
	if err := json.Unmarshal(data, &o.V); err != nil {
		return err
	}
	o.Valid = true
	return nil
}

// Stats is what a group has used, and uses now. A figure that this machine or this
// containment cannot tell is absent, never 0.
//
// With [Cgroup] the figures come from the kernel, count members that have exited,
// and cost the same for one member as for thousands. CPU time is always there
// (cpu.stat needs no controller); the others need the memory, io and pids
// controllers, enabled for the cgroup that the owner is in.
//
// With [Session] they are sums over the members alive, from the process table. With
// [Reaper] on Linux CPU time and I/O count those too whom the reaper, or another member, has
// waited for. What a process has used is lost if its parent ignores SIGCHLD, or if the
// reaper is killed.
//
// With [Job] the figures of the CPU and of I/O, and the peak, come from the kernel and count
// members that have exited. Memory and threads are summed up over the members alive.
type Stats struct {
	User, System Optional[time.Duration] // CPU time in user mode and in the kernel

	// ReadBytes and WriteBytes went from and to block devices; on Windows they are those of
	// all I/O: files, pipes and sockets.
	ReadBytes, WriteBytes Optional[uint64]

	// Memory is what the members use now, in bytes, and MemoryPeak the most they
	// used at one time. With Cgroup that is memory.current and memory.peak (Linux
	// 5.19), which count the page cache and kernel memory of the group too. With
	// Session and Reaper on Linux it is the sum of proportional set sizes (PSS), so that
	// memory which members share is counted once. With Job it is what was committed for the
	// members alone (private bytes).
	Memory, MemoryPeak Optional[uint64]

	// Processes is the number of members alive, Threads that of their threads.
	// With Cgroup only Threads is known (pids.current).
	Processes, Threads Optional[int]
}

// add adds to s what other members have used, and use now. A figure that is absent in
// either is absent in the sum. The peaks were not at the same time: the higher counts.
func (s *Stats) add(o Stats) {
	addFigure(&s.User, o.User)
	addFigure(&s.System, o.System)
	addFigure(&s.ReadBytes, o.ReadBytes)
	addFigure(&s.WriteBytes, o.WriteBytes)
	addFigure(&s.Memory, o.Memory)
	if s.MemoryPeak.V < o.MemoryPeak.V || !o.MemoryPeak.Valid {
		s.MemoryPeak = o.MemoryPeak
	}
	addFigure(&s.Processes, o.Processes)
	addFigure(&s.Threads, o.Threads)
}

func addFigure[T int | uint64 | time.Duration](a *Optional[T], b Optional[T]) {
	if !a.Valid || !b.Valid {
		*a = Optional[T]{}
		return
	}
	a.V += b.V
}
