package proctable

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ticksPerSecond is the unit of the times in /proc/PID/stat, USER_HZ, which is 100
// on every architecture that Go runs on (proc_pid_stat(5), sysconf(_SC_CLK_TCK)).
const ticksPerSecond = 100

// process is an open /proc/PID directory. It refers to one process: when that is
// reaped, every read in it gives ESRCH, whoever has the number then. It serves
// pidfd_send_signal like a pidfd (pidfd_send_signal(2)).
type process struct {
	fd  int
	pid int
}

func open(pid int) (process, error) {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return process{}, orGone(pid, err)
	}
	return process{fd, pid}, nil
}

// openID opens a process, if it is the one with this identity.
func openID(id ID) (process, stat, error) {
	p, err := open(id.PID)
	if err != nil {
		return process{}, stat{}, err
	}
	st, err := p.stat()
	if err == nil && st.ID != id {
		err = gone(id.PID)
	}
	if err != nil {
		p.close()
		return process{}, stat{}, err
	}
	return p, st, nil
}

func (p process) close() { unix.Close(p.fd) }

// read returns the contents of a file of the process.
func (p process) read(name string) ([]byte, error) {
	fd, err := unix.Openat(p.fd, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, orGone(p.pid, err)
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	data, err := io.ReadAll(f)
	return data, orGone(p.pid, err)
}

func (p process) stat() (stat, error) {
	line, err := p.read("stat")
	if err != nil {
		return stat{}, err
	}
	return parseStat(line)
}

// orGone makes the errors that proc gives for processes that are gone recognizable.
func orGone(pid int, err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return gone(pid)
	}
	return err
}

// stat is what a line of /proc/PID/stat says.
type stat struct {
	Entry
	user, system time.Duration
	reapedUser   time.Duration // of children that were waited for
	reapedSystem time.Duration
	threads      int
	resident     int64 // pages
}

// parseStat reads a line of /proc/PID/stat (proc_pid_stat(5)). The name stands in
// parentheses and may hold parentheses and line feeds itself.
func parseStat(line []byte) (stat, error) {
	left, right := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if left < 0 || right < left {
		return stat{}, fmt.Errorf("process status without a name: %.40q", line)
	}
	fields := bytes.Fields(line[right+1:])
	const wanted = 22 // up to field 24, counted from 3 after the name
	if len(fields) < wanted {
		return stat{}, fmt.Errorf("process status with %d of %d fields: %.40q", len(fields), wanted, line)
	}
	var err error
	number := func(text []byte) int64 {
		n, e := strconv.ParseInt(string(text), 10, 64)
		err = errors.Join(err, e)
		return n
	}
	start, e := strconv.ParseUint(string(fields[19]), 10, 64)
	st := stat{
		Entry: Entry{
			ID:      ID{int(number(bytes.TrimSpace(line[:left]))), start},
			Parent:  int(number(fields[1])),
			Group:   int(number(fields[2])),
			Session: int(number(fields[3])),
			State:   stateOf(fields[0][0]),
			Name:    string(line[left+1 : right]),
		},
		user:         time.Duration(number(fields[11])) * time.Second / ticksPerSecond,
		system:       time.Duration(number(fields[12])) * time.Second / ticksPerSecond,
		reapedUser:   time.Duration(number(fields[13])) * time.Second / ticksPerSecond,
		reapedSystem: time.Duration(number(fields[14])) * time.Second / ticksPerSecond,
		threads:      int(number(fields[17])),
		resident:     number(fields[21]),
	}
	if err := errors.Join(err, e); err != nil {
		return stat{}, fmt.Errorf("process status %.40q: %w", line, err)
	}
	return st, nil
}

func stateOf(letter byte) State {
	switch letter {
	case 'R':
		return Running
	case 'S', 'I':
		return Sleeping
	case 'D':
		return Blocked
	case 'T', 't':
		return Stopped
	case 'Z', 'X', 'x':
		return Zombie
	}
	return Unknown
}

func all() ([]Entry, error) {
	before, err := ReadFile("/proc/loadavg")
	if err != nil {
		return nil, err
	}
	entries, err := list()
	if err != nil {
		return nil, err
	}
	last, ok := parseLastPID(before)
	if !ok {
		return entries, nil
	}
	// Catch up with what was started while the list was made.
	recent, ok := younger(last)
	if !ok {
		return entries, nil
	}
	seen := make(map[ID]bool, len(entries))
	for _, entry := range entries {
		seen[entry.ID] = true
	}
	for _, entry := range recent {
		if !seen[entry.ID] {
			entries = append(entries, entry)
		}
	}
	return entries, nil
}

// list reads the table once, in ascending order of the numbers.
func list() ([]Entry, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(names))
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		entry, err := lookup(pid)
		if errors.Is(err, os.ErrProcessDone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

func lookup(pid int) (Entry, error) {
	line, err := ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Entry{}, orGone(pid, err)
	}
	st, err := parseStat(line)
	return st.Entry, err
}

// ReadFile reads a small file of proc with three system calls: os.ReadFile needs
// twice as many, for a size that proc does not tell and for the poller.
func ReadFile(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	buf := make([]byte, 1024)
	for n := 0; ; {
		m, err := unix.Read(fd, buf[n:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		n += m
		// A line of stat comes in one piece.
		if m == 0 || n < len(buf) {
			return buf[:n], nil
		}
		buf = append(buf, make([]byte, len(buf))...)
	}
}

func inspect(id ID) (Details, error) {
	p, st, err := openID(id)
	if err != nil {
		return Details{}, err
	}
	defer p.close()
	d := Details{
		Entry:     st.Entry,
		StartTime: bootTime().Add(time.Duration(id.Start) * time.Second / ticksPerSecond),
		User:      st.user,
		System:    st.system,
		Resident:  st.resident * int64(os.Getpagesize()),
		Threads:   st.threads,
	}
	// Another user's command line may be closed to us; the rest is not.
	if line, err := p.read("cmdline"); err == nil {
		d.Command = parseCommandLine(line)
	}
	return d, nil
}

// parseCommandLine splits /proc/PID/cmdline (proc_pid_cmdline(5)): arguments that end
// with a null byte each, unless the program wrote something else over them.
func parseCommandLine(line []byte) []string {
	if len(line) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
}

// bootTime is the time from which start times count (proc_stat(5), btime).
var bootTime = sync.OnceValue(func() time.Time {
	f, err := os.Open("/proc/stat")
	if err != nil {
		return time.Time{}
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20) // the line of interrupts is long on large machines
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "btime "); ok {
			if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
				return time.Unix(seconds, 0)
			}
		}
	}
	return time.Time{}
})

func measure(id ID) (Usage, error) {
	p, st, err := openID(id)
	if err != nil {
		return Usage{}, err
	}
	defer p.close()
	u := Usage{User: st.user, System: st.system, Threads: st.threads,
		ReapedUser: st.reapedUser, ReapedSystem: st.reapedSystem,
		Proportional: -1, ReadBytes: -1, WriteBytes: -1}
	// Both may be closed to us, for a process of another user.
	if data, err := p.read("smaps_rollup"); err == nil {
		if kB := parseField(data, "Pss:"); kB >= 0 {
			u.Proportional = kB * 1024
		}
	}
	if data, err := p.read("io"); err == nil {
		u.ReadBytes = parseField(data, "read_bytes:")
		u.WriteBytes = parseField(data, "write_bytes:")
	}
	return u, nil
}

// parseField returns the number behind a name at the beginning of a line, as in
// /proc/PID/io and /proc/PID/smaps_rollup, and -1 if there is none.
func parseField(data []byte, name string) int64 {
	for line := range bytes.Lines(data) {
		rest, ok := bytes.CutPrefix(line, []byte(name))
		if !ok {
			continue
		}
		fields := bytes.Fields(rest)
		if len(fields) == 0 {
			return -1
		}
		n, err := strconv.ParseInt(string(fields[0]), 10, 64)
		if err != nil || n < 0 {
			return -1
		}
		return n
	}
	return -1
}

func resting(id ID) bool {
	p, _, err := openID(id)
	if err != nil {
		return false
	}
	defer p.close()
	fd, err := unix.Openat(p.fd, "task", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	tasks := os.NewFile(uintptr(fd), "task")
	defer tasks.Close()
	names, err := tasks.Readdirnames(-1)
	if err != nil {
		return false
	}
	dead := 0
	for _, name := range names {
		line, err := p.read("task/" + name + "/stat")
		if errors.Is(err, os.ErrProcessDone) {
			dead++
			continue
		}
		st, parseErr := parseStat(line)
		if err != nil || parseErr != nil || !st.State.atRest() {
			return false
		}
		if !st.Alive() {
			dead++
		}
	}
	return dead < len(names)
}

func signal(id ID, sig syscall.Signal) error {
	p, _, err := openID(id)
	if err != nil {
		return err
	}
	defer p.close()
	err = unix.PidfdSendSignal(p.fd, sig, nil, 0)
	if errors.Is(err, unix.ENOSYS) {
		// Before Linux 5.1 there is only the number. The directory was just seen to
		// be the process; between that and the signal a number is not given out again.
		err = unix.Kill(id.PID, sig)
	}
	return orGone(id.PID, err)
}

// younger asks for each number that was given out after pid's. The kernel gives them
// out in ascending order, and begins again when it reaches the end (alloc_pid in
// kernel/pid.c); the last one is the last field of /proc/loadavg (proc_loadavg(5)).
//
// It goes on until no number was given out while it looked. Then what it saw is the
// table of one moment: who was missed had ended, and what they had started was not.
func younger(pid int) ([]Entry, bool) {
	var entries []Entry
	for first := pid + 1; ; {
		data, err := ReadFile("/proc/loadavg")
		if err != nil {
			return nil, false
		}
		last, ok := parseLastPID(data)
		// A long range costs more than the whole table does.
		if !ok || last < pid || last-pid > maxYounger {
			return nil, false
		}
		if last < first {
			return entries, true
		}
		for n := first; n <= last; n++ {
			// Most of the numbers are of threads, which have files in proc too, or of
			// processes that are gone. This sorts them out, and sends nothing: thread n
			// is in thread group n only if it is what we call a process (tgkill(2)).
			if errors.Is(unix.Tgkill(n, n, 0), unix.ESRCH) {
				continue
			}
			if entry, err := lookup(n); err == nil {
				entries = append(entries, entry)
			}
		}
		first = last + 1
	}
}

const maxYounger = 512

// parseLastPID reads the last field of /proc/loadavg.
func parseLastPID(data []byte) (int, bool) {
	fields := bytes.Fields(data)
	if len(fields) != 5 {
		return 0, false
	}
	n, err := strconv.Atoi(string(fields[4]))
	return n, err == nil && n > 0
}
