package proctable

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestParseStat(t *testing.T) {
	// A name with what would end it, and with spaces that look like fields.
	line := "42 (a) R 1 (b\n)) T 7 8 9 0 -1 4194560 100 0 0 0 250 150 0 0 20 0 3 0 12345 1000000 256 1844 1 1 0 0\n"
	st, err := parseStat([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	want := stat{
		Entry: Entry{
			ID: ID{42, 12345}, Parent: 7, Group: 8, Session: 9, State: Stopped, Name: "a) R 1 (b\n)",
		},
		user: 2500 * time.Millisecond, system: 1500 * time.Millisecond, threads: 3, resident: 256,
	}
	if st != want {
		t.Errorf("got  %+v\nwant %+v", st, want)
	}
	for _, bad := range []string{"", "1", "1 (", "1 )(", "1 (x) R 1 2", strings.Replace(line, "12345", "x", 1), strings.Replace(line, "42", "", 1)} {
		if st, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("parseStat(%q) = %+v, want an error", bad, st)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	self, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(self)
	f.Add([]byte("1 (a) b) Z 0 0 0"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if st, err := parseStat(line); err != nil && st != (stat{}) {
			t.Errorf("parseStat(%q) = %+v and %v", line, st, err)
		}
	})
}

func TestParseField(t *testing.T) {
	data := []byte("read_bytes: 4096\nwrite_bytes: 0\ncancelled_write_bytes: x\nempty:\n")
	for name, want := range map[string]int64{
		"read_bytes:": 4096, "write_bytes:": 0, "cancelled_write_bytes:": -1, "empty:": -1, "none:": -1,
	} {
		if got := parseField(data, name); got != want {
			t.Errorf("parseField(%q) = %d, want %d", name, got, want)
		}
	}
}

func TestParseCommandLine(t *testing.T) {
	for line, want := range map[string][]string{
		"": nil, "sh\x00-c\x00\x00": {"sh", "-c", ""}, "nginx: master": {"nginx: master"},
	} {
		if got := parseCommandLine([]byte(line)); !slices.Equal(got, want) {
			t.Errorf("parseCommandLine(%q) = %q, want %q", line, got, want)
		}
	}
}

func TestParseLastPID(t *testing.T) {
	if n, ok := parseLastPID([]byte("0.20 0.18 0.12 1/80 11206\n")); !ok || n != 11206 {
		t.Errorf("got %d, %v", n, ok)
	}
	for _, bad := range []string{"", "0.20 0.18 0.12 1/80", "0.20 0.18 0.12 1/80 x", "0.20 0.18 0.12 1/80 -1"} {
		if n, ok := parseLastPID([]byte(bad)); ok {
			t.Errorf("parseLastPID(%q) = %d, want none", bad, n)
		}
	}
}

// cat starts a process that lives until the test ends.
func cat(t *testing.T) (*exec.Cmd, Entry) {
	t.Helper()
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("no cat to start: %v", err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	entry, err := Lookup(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return cmd, entry
}

func TestYoungerHasNoThreads(t *testing.T) {
	// This process has threads that are younger than it.
	self, err := Lookup(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	_, child := cat(t)
	young, ok := Younger(self.PID)
	if !ok {
		t.Skip("too many processes are younger, or the numbers have gone round")
	}
	found := false
	for _, e := range young {
		found = found || e.ID == child.ID
		if tasks, err := os.ReadDir("/proc/self/task"); err == nil {
			for _, task := range tasks {
				if task.Name() == strconv.Itoa(e.PID) {
					t.Errorf("Younger has thread %d of this process", e.PID)
				}
			}
		}
	}
	if !found {
		t.Errorf("Younger lacks the child %d", child.PID)
	}
}

func TestAllHasSelfAndChild(t *testing.T) {
	_, child := cat(t)
	table, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{os.Getpid(), child.PID} {
		if !slices.ContainsFunc(table, func(e Entry) bool { return e.PID == want }) {
			t.Errorf("All lacks process %d", want)
		}
	}
}

func TestSignalWantsTheIdentity(t *testing.T) {
	cmd, entry := cat(t)
	other := ID{entry.PID, entry.Start + 1} // one that had the number at another time
	if err := Signal(other, unix.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Signal with another start time: %v, want os.ErrProcessDone", err)
	}
	if e, err := Lookup(entry.PID); err != nil || !e.Alive() {
		t.Fatalf("the wrong process was signaled: %+v, %v", e, err)
	}
	if err := Signal(entry.ID, unix.SIGKILL); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
	for name, err := range map[string]error{
		"Signal":  Signal(entry.ID, unix.SIGKILL),
		"Lookup":  second(Lookup(entry.PID)),
		"Inspect": second(Inspect(entry.ID)),
		"Measure": second(Measure(entry.ID)),
	} {
		if !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("%s of a process that is gone: %v, want os.ErrProcessDone", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestInspectAndMeasure(t *testing.T) {
	_, entry := cat(t)
	d, err := Inspect(entry.ID)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d.Command, []string{"cat"}) || d.Parent != os.Getpid() || d.Threads != 1 || d.Resident < 0 {
		t.Errorf("Inspect: %+v", d)
	}
	if age := time.Since(d.StartTime); age < -time.Minute || age > time.Minute {
		t.Errorf("a new process is %v old", age)
	}
	u, err := Measure(entry.ID)
	if err != nil {
		t.Fatal(err)
	}
	if u.Threads != 1 || u.ReadBytes < 0 || u.WriteBytes < 0 {
		t.Errorf("Measure: %+v", u)
	}
}
