package cli

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
)

func exampleSamples() []sample {
	return []sample{
		{ID: "0123456789ab", Name: "web", cpu: known(12.34), Stats: control.Stats{
			Time: noon, User: known(time.Second), System: known(500 * time.Millisecond),
			Memory: known(uint64(3 << 20)), MemoryPeak: known(uint64(1 << 30)), Processes: known(2), Threads: known(7),
			ReadBytes: known(uint64(0)), WriteBytes: known(uint64(4096)),
		}},
		{ID: "abcdef012345", Stats: control.Stats{Time: noon}},
	}
}

func TestWriteStats(t *testing.T) {
	var out bytes.Buffer
	show := plainStats{w: &out}
	for range 2 {
		if err := show.write(exampleSamples()); err != nil {
			t.Fatal(err)
		}
	}
	rows := `web           12.3%       1.5s        3MiB        1GiB        2           7           0B          4KiB
abcdef012345  -           -           -           -           -           -           -           -
`
	want := "NAME          CPU%        CPU-TIME    MEMORY      PEAK        PROCESSES   THREADS     READ        WRITTEN\n" + rows + rows
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestRedrawnStats(t *testing.T) {
	var out bytes.Buffer
	show := redrawnStats{w: &out}
	for _, samples := range [][]sample{exampleSamples(), nil} {
		out.Reset()
		if err := show.write(samples); err != nil {
			t.Fatal(err)
		}
	}
	want := "\x1b[3A\r\x1b[JNAME        CPU%        CPU-TIME    MEMORY      PEAK        PROCESSES   THREADS     READ        WRITTEN\n"
	if got := out.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSampleJSON(t *testing.T) {
	text, err := json.Marshal(exampleSamples()[1])
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"abcdef012345","time":"2026-11-22T12:00:00Z","user_ns":null,"system_ns":null,"read_bytes":null,` +
		`"write_bytes":null,"memory":null,"memory_peak":null,"processes":null,"threads":null}`
	if string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
}

func TestCPUPercent(t *testing.T) {
	at := func(second int, used time.Duration) control.Stats {
		return control.Stats{Time: noon.Add(time.Duration(second) * time.Second), User: known(used), System: known(time.Duration(0))}
	}
	var absent procgroup.Optional[float64]
	for name, test := range map[string]struct {
		before, now control.Stats
		want        procgroup.Optional[float64]
	}{
		"the first":       {control.Stats{}, at(0, time.Second), absent},
		"idle":            {at(0, time.Second), at(1, time.Second), known(0.0)},
		"two processors":  {at(0, time.Second), at(2, 5*time.Second), known(200.0)},
		"no time":         {at(1, time.Second), at(1, 2*time.Second), absent},
		"a new group":     {at(0, time.Second), at(1, 0), absent},
		"nothing is told": {at(0, time.Second), control.Stats{Time: noon.Add(time.Second)}, absent},
	} {
		if got := cpuPercent(test.before, test.now); got != test.want {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}
