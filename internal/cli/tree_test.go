package cli

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
)

// member returns a process that was started so many seconds after noon.
func member(pid, parent, second int, command ...string) control.Process {
	return control.Process{
		PID: pid, Parent: parent, StartTime: noon.Add(time.Duration(second) * time.Second),
		Name: "name", Command: command, State: procgroup.Sleeping,
	}
}

func draw(t *testing.T, d drawing, processes ...control.Process) string {
	t.Helper()
	var out bytes.Buffer
	if err := d.write(&out, "web", processes); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTree(t *testing.T) {
	stopped := member(12, 10, 2, "worker", "two\n")
	stopped.State = procgroup.Stopped
	busy := member(10, 1, 0, "server")
	busy.User, busy.System = known(time.Second), known(20*time.Millisecond)
	busy.Memory = known(uint64(5 << 20))
	processes := []control.Process{member(13, 11, 3), stopped, member(11, 10, 1, "worker", "one"), busy, member(20, 5, 4, "daemon")}
	want := `web
├─ 10 1.02s 5MiB server
│  ├─ 11 - - worker one
│  │  └─ 13 - - (name)
│  └─ 12 [stopped] - - worker two\n
└─ 20 - - daemon
`
	if got := draw(t, boxDrawing, processes...); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	narrow := asciiDrawing
	narrow.width = 16
	want = "web\n|- 10 1.02s 5...\n|  |- 11 - - ...\n|  |  `- 13 -...\n|  `- 12 [sto...\n`- 20 - - daemon\n"
	if got := draw(t, narrow, processes...); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestTreeOfTornTables draws what no moment has seen: each process is there once all the same.
func TestTreeOfTornTables(t *testing.T) {
	for name, test := range map[string]struct {
		processes []control.Process
		want      string
	}{
		"nobody":        {nil, "web\n"},
		"its own child": {[]control.Process{member(1, 1, 0, "a")}, "web\n└─ 1 - - a\n"},
		"a circle": {
			[]control.Process{member(1, 2, 0, "a"), member(2, 1, 0, "b"), member(3, 2, 0, "c")},
			"web\n└─ 1 - - a\n   └─ 2 - - b\n      └─ 3 - - c\n",
		},
		"a parent that is younger": {
			[]control.Process{member(1, 9, 5, "a"), member(2, 1, 0, "b")},
			"web\n├─ 2 - - b\n└─ 1 - - a\n",
		},
		"a number that is used again": {
			[]control.Process{member(1, 9, 0, "old"), member(1, 9, 5, "new"), member(2, 1, 3, "x"), member(3, 1, 6, "y")},
			"web\n├─ 1 - - old\n│  └─ 2 - - x\n└─ 1 - - new\n   └─ 3 - - y\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := draw(t, boxDrawing, test.processes...); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestTreeShowsEachOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		var processes []control.Process
		for i := range random.IntN(12) {
			processes = append(processes, member(random.IntN(6), random.IntN(6), random.IntN(3), fmt.Sprintf("<%d>", i)))
		}
		got := draw(t, asciiDrawing, processes...)
		for i := range processes {
			if n := strings.Count(got, fmt.Sprintf("<%d>", i)); n != 1 {
				t.Fatalf("process %d of %+v is there %d times:\n%s", i, processes, n, got)
			}
		}
	}
}
