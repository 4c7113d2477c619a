//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package proctable

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// layout tells how the kernel of a BSD writes a process into the table that
// sysctl(3) hands out. It holds no pointers and no types of the system, so that the
// parsing runs, and is tested, anywhere.
type layout struct {
	size     int   // of one record, or of the part of it that is asked for
	declared field // where the record tells its own size, if it does

	pid, parent, group, session field
	name                        field // ends with a null byte
	resident                    field // pages
	threads                     field // none where the table does not tell
	start, user, system         moment

	// threadUser and threadSystem are the CPU time of one thread in microseconds, which
	// the times of the process do not include before it has ended. A kernel that has them
	// writes one record for each thread when asked to.
	threadUser, threadSystem field

	// state interprets the record of a process whose start is known.
	state func(record []byte) State

	// fromBoot says that the kernel keeps the start as a time since boot and adds
	// the time of the boot when asked. That changes whenever the clock is set, so
	// it has to be taken off again for a start that identifies the process.
	fromBoot bool

	// grain is the unit of ID.Start in microseconds.
	grain int64
}

// field is where a number, unsigned and in the machine's byte order, or a name stands
// in a record.
type field struct{ offset, size int }

// moment is where a time of seconds and microseconds stands in a record.
type moment struct{ seconds, micros field }

// freebsdLayout is struct kinfo_proc of FreeBSD on 64-bit machines (sys/user.h;
// KINFO_PROC_SIZE is 1088 on all of them). The kernel fills it in fill_kinfo_proc
// (kern/kern_proc.c).
var freebsdLayout = layout{
	size:     1088,
	declared: field{0, 4},
	pid:      field{72, 4},
	parent:   field{76, 4},
	group:    field{80, 4},
	session:  field{88, 4},
	name:     field{447, 20},
	resident: field{264, 8},
	threads:  field{596, 4},
	start:    moment{field{336, 8}, field{344, 8}},
	user:     moment{field{608, 8}, field{616, 8}},
	system:   moment{field{624, 8}, field{632, 8}},
	state: func(record []byte) State {
		flags, stat := field{368, 8}, field{388, 1}
		// NOTE_EXIT comes when the process is not a zombie yet, but has this flag
		// (exit1 in kern/kern_exit.c): it runs no program any more.
		const exiting = 0x2000 // P_WEXIT
		if flags.number(record)&exiting != 0 {
			return Zombie
		}
		switch stat.number(record) {
		case 2: // SRUN
			return Running
		case 3: // SSLEEP
			return Sleeping
		case 4: // SSTOP
			return Stopped
		case 5: // SZOMB
			return Zombie
		case 6, 7: // SWAIT, SLOCK
			return Blocked
		}
		return Unknown
	},
	fromBoot: true,
	grain:    1,
}

// dragonflyLayout is struct kinfo_proc of DragonFly, which is for 64-bit machines only
// (sys/kinfo.h), since login names have 32 characters; before, it was shorter. The kernel
// fills it in fill_kinfo_proc and fill_kinfo_lwp (kern/kern_kinfo.c).
var dragonflyLayout = layout{
	size:         992,
	pid:          field{220, 4},
	parent:       field{224, 4},
	group:        field{228, 4},
	session:      field{236, 4},
	name:         field{112, 17},
	resident:     field{320, 8},
	threads:      field{296, 4},
	start:        moment{field{96, 8}, field{104, 8}},
	user:         moment{field{368, 8}, field{376, 8}},
	system:       moment{field{384, 8}, field{392, 8}},
	threadUser:   field{704, 8},
	threadSystem: field{712, 8},
	state: func(record []byte) State {
		process, thread := field{12, 4}, field{676, 4}
		if process.number(record) == 4 { // SZOMB
			return Zombie
		}
		// The process is stopped as soon as its threads are told to stop.
		if thread.number(record) == 1 { // LSRUN
			return Running
		}
		// A thread that sleeps in the kernel stops before it returns to the program.
		if process.number(record) == 3 || thread.number(record) == 2 { // SSTOP, LSSTOP
			return Stopped
		}
		if thread.number(record) == 3 { // LSSLEEP
			return Sleeping
		}
		return Unknown
	},
	grain: 1,
}

// openbsdLayout is the part up to p_ustime_usec of struct kinfo_proc of OpenBSD 5.5
// and later (sys/sysctl.h). The kernel copies out as many bytes of each record as are
// asked for, and adds fields at the end only. It fills the record in fill_kproc
// (kern/kern_sysctl.c); the state is that of the most active thread. The session is 0
// when its leader has exited: there is no other way to learn it either (getsid(2)).
var openbsdLayout = layout{
	size:     440,
	pid:      field{108, 4},
	parent:   field{112, 4},
	group:    field{120, 4},
	session:  field{116, 4},
	name:     field{312, 24},
	resident: field{384, 4},
	start:    moment{field{408, 8}, field{416, 4}},
	user:     moment{field{420, 4}, field{424, 4}},
	system:   moment{field{428, 4}, field{432, 4}},
	state: func(record []byte) State {
		stat := field{304, 1}
		switch stat.number(record) {
		case 2, 7: // SRUN, SONPROC
			return Running
		case 3: // SSLEEP
			return Sleeping
		case 4: // SSTOP
			return Stopped
		case 5, 6: // SZOMB, SDEAD
			return Zombie
		}
		return Unknown
	},
	fromBoot: true,
	// The kernel adds nanoseconds to nanoseconds and cuts off the rest, so that a
	// start can come out a microsecond later after the clock was set.
	grain: 1000,
}

// netbsdLayout is the part up to p_realstat of struct kinfo_proc2 of NetBSD
// (sys/sysctl.h). The kernel copies out as many bytes of each record as are asked
// for, and adds fields at the end only. It fills the record in fill_kproc2
// (kern/kern_proc.c).
var netbsdLayout = layout{
	size:     640,
	pid:      field{116, 4},
	parent:   field{120, 4},
	group:    field{128, 4},
	session:  field{124, 4},
	name:     field{368, 24},
	resident: field{432, 4},
	threads:  field{616, 8},
	start:    moment{field{456, 4}, field{460, 4}},
	user:     moment{field{464, 4}, field{468, 4}},
	system:   moment{field{472, 4}, field{476, 4}},
	state: func(record []byte) State {
		// The state of the thread that does the most, and that of the process.
		thread, process := field{360, 1}, field{632, 8}
		switch process.number(record) {
		case 3, 5, 6: // SDYING, SZOMB, SDEAD
			return Zombie
		}
		switch thread.number(record) {
		case 2, 7: // LSRUN, LSONPROC
			return Running
		}
		// A thread that sleeps in the kernel is not stopped with the others, but will
		// be before it returns to the program.
		const stopped = 4 // SSTOP and LSSTOP
		if process.number(record) == stopped || thread.number(record) == stopped {
			return Stopped
		}
		switch thread.number(record) {
		case 3, 8: // LSSLEEP, LSSUSPENDED
			return Sleeping
		}
		return Unknown
	},
	grain: 1,
}

// number reads an unsigned number.
func (f field) number(record []byte) uint64 {
	b := record[f.offset : f.offset+f.size]
	switch f.size {
	case 1:
		return uint64(b[0])
	case 4:
		return uint64(binary.NativeEndian.Uint32(b))
	default:
		return binary.NativeEndian.Uint64(b)
	}
}

// id reads a process number, which is signed.
func (f field) id(record []byte) int { return int(int32(f.number(record))) }

// text reads a string that ends with a null byte, or with the field.
func (f field) text(record []byte) string {
	b, _, _ := bytes.Cut(record[f.offset:f.offset+f.size], []byte{0})
	return string(b)
}

// at reads a time in microseconds.
func (m moment) at(record []byte) int64 {
	return int64(m.seconds.number(record))*1e6 + int64(m.micros.number(record))
}

// parse reads the records in data, and makes one of those of the threads of a process.
// boot is the time of the boot that the kernel added to their starts, in microseconds; it
// is of no matter without fromBoot.
func (l *layout) parse(data []byte, boot int64) ([]Details, error) {
	if len(data)%l.size != 0 {
		return nil, fmt.Errorf("process table of %d bytes, in records of %d", len(data), l.size)
	}
	all := make([]Details, 0, len(data)/l.size)
	for record := range slices.Chunk(data, l.size) {
		if l.declared.size > 0 && l.declared.number(record) != uint64(l.size) {
			return nil, fmt.Errorf("process record of %d bytes, not of %d: unknown layout",
				l.declared.number(record), l.size)
		}
		d := l.details(record, boot)
		if last := len(all) - 1; l.hasThreads() && last >= 0 && all[last].ID == d.ID {
			l.join(&all[last], record)
		} else {
			all = append(all, d)
		}
	}
	return all, nil
}

// hasThreads reports whether records are of threads.
func (l *layout) hasThreads() bool { return l.threadUser.size > 0 }

// join adds what the record of another thread tells. The threads of a zombie have ended.
func (l *layout) join(d *Details, record []byte) {
	if d.State == Zombie {
		return
	}
	d.State = min(d.State, l.state(record)) // the most active comes first
	d.User += time.Duration(l.threadUser.number(record)) * time.Microsecond
	d.System += time.Duration(l.threadSystem.number(record)) * time.Microsecond
}

// details reads one record.
func (l *layout) details(record []byte, boot int64) Details {
	d := Details{
		Entry: Entry{
			ID:      ID{PID: l.pid.id(record)},
			Parent:  l.parent.id(record),
			Group:   l.group.id(record),
			Session: l.session.id(record),
			State:   Zombie,
			Name:    l.name.text(record),
		},
		User:     -1,
		System:   -1,
		Resident: int64(l.resident.number(record)) * int64(os.Getpagesize()),
		Threads:  -1,
	}
	if l.threads.size > 0 {
		d.Threads = l.threads.id(record)
	}
	start := l.start.at(record)
	if start == 0 {
		// OpenBSD and NetBSD leave the times out for a process that is a zombie, or
		// about to become one. What has none on DragonFly is a kernel thread.
		return d
	}
	d.State = l.state(record)
	d.StartTime = time.UnixMicro(start)
	if l.fromBoot {
		start -= boot
	}
	d.Start = uint64(start / l.grain)
	d.User = time.Duration(l.user.at(record)) * time.Microsecond
	d.System = time.Duration(l.system.at(record)) * time.Microsecond
	if l.hasThreads() {
		l.join(&d, record)
	}
	return d
}

// parseTimeval reads a struct timeval of a 64-bit machine, in microseconds.
func parseTimeval(data []byte) (int64, error) {
	if len(data) != 16 {
		return 0, fmt.Errorf("time of %d bytes", len(data))
	}
	return moment{field{0, 8}, field{8, 8}}.at(data), nil
}

// parseArguments splits a command line in which each argument ends with a null byte.
func parseArguments(data []byte) []string {
	if len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
}

// parseArgv reads the command line that OpenBSD gives out: an array of pointers into
// the buffer itself that ends with a null pointer, and then the strings
// (sysctl_proc_args in kern/kern_sysctl.c). base is the address that the buffer had.
func parseArgv(data []byte, base uint64) []string {
	const pointer = 8
	var args []string
	for i := 0; i+pointer <= len(data); i += pointer {
		p := binary.NativeEndian.Uint64(data[i:])
		if p == 0 {
			return args
		}
		at := p - base
		if p < base || at >= uint64(len(data)) {
			return nil
		}
		arg, _, ended := bytes.Cut(data[at:], []byte{0})
		if !ended {
			return nil
		}
		args = append(args, string(arg))
	}
	return nil
}

// parseProcargs2 reads the command line that macOS gives out: the count of arguments,
// the path of the program, padded with null bytes, the arguments and the environment
// (sysctl_procargsx in bsd/kern/kern_sysctl.c).
func parseProcargs2(data []byte) []string {
	if len(data) < 4 {
		return nil
	}
	count := int(int32(binary.NativeEndian.Uint32(data)))
	_, rest, ok := bytes.Cut(data[4:], []byte{0})
	if !ok || count <= 0 || count > len(rest) {
		return nil
	}
	// Empty arguments in front cannot be told from padding.
	rest = bytes.TrimLeft(rest, "\x00")
	args := make([]string, 0, count)
	for range count {
		var arg []byte
		if arg, rest, ok = bytes.Cut(rest, []byte{0}); !ok {
			return nil
		}
		args = append(args, string(arg))
	}
	return args
}
