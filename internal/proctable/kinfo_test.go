//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package proctable

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

// put writes a number where the layout says.
func (f field) put(record []byte, n uint64) {
	b := record[f.offset : f.offset+f.size]
	switch f.size {
	case 0:
	case 1:
		b[0] = byte(n)
	case 4:
		binary.NativeEndian.PutUint32(b, uint32(n))
	default:
		binary.NativeEndian.PutUint64(b, n)
	}
}

func (m moment) put(record []byte, micros uint64) {
	m.seconds.put(record, micros/1e6)
	m.micros.put(record, micros%1e6)
}

// kinfoLayouts are the layouts, with what a record of a running process, one of a
// stopped process and one of a zombie hold besides the numbers that all have.
var kinfoLayouts = []struct {
	name                     string
	layout                   *layout
	running, stopped, zombie func(record []byte)
}{
	{
		"freebsd", &freebsdLayout,
		func(r []byte) { r[388] = 2 },
		func(r []byte) { r[388] = 4 },
		func(r []byte) { r[388] = 5 },
	},
	{
		"freebsd exiting", &freebsdLayout,
		func(r []byte) { r[388] = 2 },
		func(r []byte) { r[388] = 4 },
		func(r []byte) { r[388] = 2; field{368, 8}.put(r, 0x2000) },
	},
	{
		"dragonfly", &dragonflyLayout,
		func(r []byte) { r[12] = 2; r[676] = 1 },
		func(r []byte) { r[12] = 3; r[676] = 3 },
		func(r []byte) { r[12] = 4; r[676] = 1 },
	},
	{
		"openbsd", &openbsdLayout,
		func(r []byte) { r[304] = 7 },
		func(r []byte) { r[304] = 4 },
		func(r []byte) { r[304] = 6; clear(r[408:]) },
	},
	{
		"netbsd", &netbsdLayout,
		func(r []byte) { r[360] = 7; field{632, 8}.put(r, 2) },
		func(r []byte) { r[360] = 3; field{632, 8}.put(r, 4) },
		func(r []byte) { r[360] = 5; field{632, 8}.put(r, 5); clear(r[456:480]) },
	},
}

// kinfoRecord is the record of a process that was started at 1700000000.123456.
func kinfoRecord(l *layout, pid int, fill func(record []byte)) []byte {
	r := make([]byte, l.size)
	l.declared.put(r, uint64(l.size))
	l.pid.put(r, uint64(pid))
	l.parent.put(r, 1)
	l.group.put(r, 77)
	l.session.put(r, 66)
	copy(r[l.name.offset:], "sleep")
	l.resident.put(r, 3)
	l.threads.put(r, 4)
	l.start.put(r, 1700000000123456)
	l.user.put(r, 1500000)
	l.system.put(r, 250000)
	fill(r)
	return r
}

func TestKinfo(t *testing.T) {
	for _, test := range kinfoLayouts {
		t.Run(test.name, func(t *testing.T) {
			l := test.layout
			data := slices.Concat(
				kinfoRecord(l, 123, test.running),
				kinfoRecord(l, 99999, test.stopped),
				kinfoRecord(l, 4, test.zombie),
			)
			all, err := l.parse(data, 1600000000000000)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range all {
				got = append(got, fmt.Sprint(d.PID, d.State, d.Parent, d.Group, d.Session, d.Name))
			}
			want := []string{
				fmt.Sprint(123, Running, 1, 77, 66, "sleep"),
				fmt.Sprint(99999, Stopped, 1, 77, 66, "sleep"),
				fmt.Sprint(4, Zombie, 1, 77, 66, "sleep"),
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			d := all[0]
			if want := time.UnixMicro(1700000000123456); !d.StartTime.Equal(want) {
				t.Errorf("started %v, want %v", d.StartTime, want)
			}
			if d.User != 1500*time.Millisecond || d.System != 250*time.Millisecond {
				t.Errorf("CPU time %v and %v, want 1.5s and 250ms", d.User, d.System)
			}
			if want := 3 * int64(os.Getpagesize()); d.Resident != want {
				t.Errorf("resident %d, want %d", d.Resident, want)
			}
			if l.threads.size > 0 && d.Threads != 4 || l.threads.size == 0 && d.Threads >= 0 {
				t.Errorf("%d threads", d.Threads)
			}
		})
	}
}

// TestKinfoThreads checks that the records of the threads of a process become one.
func TestKinfoThreads(t *testing.T) {
	const (
		active, stop, zombie          = 2, 3, 4 // of the process
		running, stopped, sleeping    = 1, 2, 3 // of a thread
		ownUser, ownSystem, perThread = 1500 * time.Millisecond, 250 * time.Millisecond, 2 * time.Second
	)
	l := &dragonflyLayout
	for _, test := range []struct {
		name    string
		process byte
		threads []byte
		want    State
		counted time.Duration // CPU time of the threads
	}{
		{"one", active, []byte{sleeping}, Sleeping, perThread},
		{"one runs", active, []byte{sleeping, running, sleeping}, Running, 3 * perThread},
		{"all are stopped", stop, []byte{stopped, sleeping}, Stopped, 2 * perThread},
		{"one is not stopped yet", stop, []byte{stopped, sleeping, running}, Running, 3 * perThread},
		{"zombie", zombie, []byte{running, running}, Zombie, 0},
	} {
		var data []byte
		for _, thread := range test.threads {
			data = append(data, kinfoRecord(l, 123, func(r []byte) {
				r[12], r[676] = test.process, thread
				l.threadUser.put(r, uint64(perThread.Microseconds()))
				l.threadSystem.put(r, uint64(perThread.Microseconds()))
			})...)
		}
		data = append(data, kinfoRecord(l, 124, func([]byte) {})...)
		all, err := l.parse(data, 0)
		if err != nil || len(all) != 2 {
			t.Errorf("%s: %d processes, %v", test.name, len(all), err)
			continue
		}
		if d := all[0]; d.State != test.want || d.User != ownUser+test.counted || d.System != ownSystem+test.counted {
			t.Errorf("%s: state %v, CPU time %v and %v", test.name, d.State, d.User, d.System)
		}
	}
}

// TestKinfoClock checks that setting the clock, which moves the boot and with it the
// starts of all processes where the kernel counts from there, changes no identity.
func TestKinfoClock(t *testing.T) {
	for _, test := range kinfoLayouts {
		if !test.layout.fromBoot {
			continue
		}
		const (
			boot  = 1600000000000000
			start = 1700000000123456
			step  = 3600000001
		)
		id := func(boot int64, start uint64) ID {
			r := kinfoRecord(test.layout, 123, test.running)
			test.layout.start.put(r, start)
			all, err := test.layout.parse(r, boot)
			if err != nil {
				t.Fatal(err)
			}
			return all[0].ID
		}
		before, after := id(boot, start), id(boot+step, start+step)
		if before != after {
			t.Errorf("%s: %v became %v", test.name, before, after)
		}
		if later := id(boot, start+1000); later == before {
			t.Errorf("%s: a later process is %v too", test.name, later)
		}
	}
}

func TestKinfoTruncated(t *testing.T) {
	for _, test := range kinfoLayouts {
		l := test.layout
		data := slices.Concat(kinfoRecord(l, 1, test.running), kinfoRecord(l, 2, test.running))
		for _, n := range []int{1, l.size - 1, l.size + 1, 2*l.size - 8} {
			if all, err := l.parse(data[:n], 0); err == nil {
				t.Errorf("%s: %d of %d bytes gave %v", test.name, n, len(data), all)
			}
		}
		if all, err := l.parse(nil, 0); err != nil || len(all) != 0 {
			t.Errorf("%s: nothing gave %v, %v", test.name, all, err)
		}
	}
	odd := kinfoRecord(&freebsdLayout, 1, func([]byte) {})
	freebsdLayout.declared.put(odd, 1096)
	if all, err := freebsdLayout.parse(odd, 0); err == nil {
		t.Errorf("a record of another size gave %v", all)
	}
	if _, err := parseTimeval(make([]byte, 8)); err == nil {
		t.Error("half a time is not an error")
	}
}

// TestKinfoBounds checks that no layout reads behind its record.
func TestKinfoBounds(t *testing.T) {
	for _, test := range kinfoLayouts {
		l := test.layout
		for _, f := range []field{
			l.declared, l.pid, l.parent, l.group, l.session, l.name, l.resident, l.threads,
			l.start.seconds, l.start.micros, l.user.seconds, l.user.micros,
			l.system.seconds, l.system.micros, l.threadUser, l.threadSystem,
		} {
			if f.offset+f.size > l.size {
				t.Errorf("%s: %v is not within %d bytes", test.name, f, l.size)
			}
		}
	}
}

func TestKinfoCommandLines(t *testing.T) {
	const base = 0xc000100000
	argv := func(tail string, offsets ...uint64) []byte {
		var data []byte
		for _, offset := range offsets {
			data = binary.NativeEndian.AppendUint64(data, offset)
		}
		return append(data, tail...)
	}
	procargs2 := func(count uint32, tail string) []byte {
		return append(binary.NativeEndian.AppendUint32(nil, count), tail...)
	}
	for _, test := range []struct {
		name string
		got  []string
		want []string
	}{
		{"plain", parseArguments([]byte("make\x00-j8\x00")), []string{"make", "-j8"}},
		{"empty argument", parseArguments([]byte("a\x00\x00b\x00")), []string{"a", "", "b"}},
		{"nothing", parseArguments(nil), nil},

		{"argv", parseArgv(argv("make\x00-j8\x00", base+24, base+29, 0), base), []string{"make", "-j8"}},
		{"argv cut by the program", parseArgv(argv("make\x00", base+24, 0, 0), base), []string{"make"}},
		{"argv without an end", parseArgv(argv("", base, base), base), nil},
		{"argv below", parseArgv(argv("x\x00", base-1, 0), base), nil},
		{"argv behind", parseArgv(argv("x\x00", base+18, 0), base), nil},
		{"argv unterminated", parseArgv(argv("x", base+16, 0), base), nil},
		{"argv empty", parseArgv(nil, base), nil},

		{"procargs2", parseProcargs2(procargs2(2, "/bin/sleep\x00\x00\x00sleep\x0060\x00A=b\x00")), []string{"sleep", "60"}},
		{"procargs2 empty argument", parseProcargs2(procargs2(3, "/bin/sh\x00sh\x00\x00x\x00")), []string{"sh", "", "x"}},
		{"procargs2 too few", parseProcargs2(procargs2(3, "/bin/sh\x00\x00sh\x00-c")), nil},
		{"procargs2 huge count", parseProcargs2(procargs2(1<<31-1, "/bin/sh\x00sh\x00")), nil},
		{"procargs2 negative count", parseProcargs2(procargs2(1<<31, "/bin/sh\x00sh\x00")), nil},
		{"procargs2 short", parseProcargs2([]byte{1, 0}), nil},
	} {
		if !slices.Equal(test.got, test.want) || test.got == nil != (test.want == nil) {
			t.Errorf("%s: got %q, want %q", test.name, test.got, test.want)
		}
	}
}

func FuzzKinfo(f *testing.F) {
	for _, test := range kinfoLayouts {
		f.Add(kinfoRecord(test.layout, 123, test.running), int64(1600000000000000))
		f.Add(kinfoRecord(test.layout, 123, test.zombie), int64(0))
	}
	f.Add([]byte("\x02\x00\x00\x00/bin/sleep\x00\x00sleep\x0060\x00"), int64(0))
	f.Add(binary.NativeEndian.AppendUint64(binary.NativeEndian.AppendUint64(nil, 16), 0), int64(0))
	f.Fuzz(func(t *testing.T, data []byte, boot int64) {
		for _, l := range []*layout{&freebsdLayout, &dragonflyLayout, &openbsdLayout, &netbsdLayout} {
			all, err := l.parse(data, boot)
			most := len(data) / l.size
			if err == nil && (len(all) > most || !l.hasThreads() && len(all) < most) {
				t.Errorf("%d processes in %d bytes", len(all), len(data))
			}
		}
		_, _ = parseTimeval(data)
		parseArguments(data)
		parseArgv(data, uint64(boot))
		parseProcargs2(data)
	})
}
