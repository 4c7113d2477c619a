package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
)

// noon is when everything happens that is told of in these tests.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func known[T any](v T) procgroup.Optional[T] { return procgroup.Optional[T]{V: v, Valid: true} }

// exampleInfos are runs in several states.
func exampleInfos() []control.Info {
	return []control.Info{
		{
			ID: "0123456789ab", Name: "web", State: control.Running, Ready: known(true),
			Command: []string{"server", "--port", "80"}, Leader: 4711, Detached: true,
			Containment: procgroup.Cgroup, Started: noon.Add(-3 * time.Minute),
		},
		{
			ID: "abcdef012345", State: control.Exited, Command: []string{"sh", "-c", "sleep 5\nexit 1\x1b[2J"},
			Containment: procgroup.Session, Ended: noon.Add(-5 * time.Second),
			Exit: &control.Exit{Status: 1, Reason: control.ReasonExited},
		},
		{
			ID: "ffffff012345", Name: "worker", State: control.Restarting, Ready: known(false),
			Command:     []string{"worker", strings.Repeat("x", 40)},
			Containment: procgroup.Reaper, Failures: 5, NextStart: noon.Add(2500 * time.Millisecond),
			Exit: &control.Exit{Status: 1, Reason: control.ReasonExited},
		},
	}
}

func TestWritePs(t *testing.T) {
	var out bytes.Buffer
	if err := writePs(&out, exampleInfos(), noon, false); err != nil {
		t.Fatal(err)
	}
	want := `ID             NAME     STATE                                             PID    CONTAINMENT   COMMAND
0123456789ab   web      up 3 minutes (ready)                              4711   cgroup        server --port 80
abcdef012345   -        exited (1) 5 seconds ago                          -      session       sh -c sleep 5\nexit 1\x1b[2J
ffffff012345   worker   crashing: 5 failures, exit 1, next start in 3 s   -      reaper        worker xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	out.Reset()
	if err := writePs(&out, exampleInfos()[2:], noon, true); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(out.String(), " worker "+strings.Repeat("x", 40)+"\n") {
		t.Errorf("the command was cut: %s", out.String())
	}
}

func TestStateText(t *testing.T) {
	for _, test := range []struct {
		info control.Info
		want string
	}{
		{control.Info{State: control.Starting}, "starting"},
		{control.Info{State: control.Running, Started: noon.Add(-time.Minute)}, "up about a minute"},
		{control.Info{State: control.Running, Started: noon.Add(time.Minute)}, "up less than a second"},
		{control.Info{State: control.Running, Started: noon, Ready: known(false)}, "up less than a second (not ready)"},
		{control.Info{State: control.Paused}, "paused"},
		{control.Info{State: control.Stopping}, "stopping"},
		{control.Info{State: control.Restarting, NextStart: noon.Add(-time.Second)}, "restarting"},
		{control.Info{State: control.Restarting, Failures: 1, Exit: &control.Exit{Status: 2}}, "crashing: 1 failure, exit 2"},
		{control.Info{State: control.Exited, Ended: noon.Add(-time.Hour)}, "ended about an hour ago"},
		{control.Info{State: control.Exited, Ended: noon, Exit: &control.Exit{Status: 137}}, "exited (137) less than a second ago"},
		{control.Info{State: control.Dead}, "dead"},
		{control.Info{State: control.Silent}, "does not answer"},
		{control.Info{State: "new\x1b"}, `new\x1b`},
	} {
		if got := stateText(test.info, noon); got != test.want {
			t.Errorf("%+v: got %q, want %q", test.info, got, test.want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"plain äöü 漢字": "plain äöü 漢字",
		"a\tb\nc\r":    `a\tb\nc\x0d`,
		"\x1b[2J\x7f":  `\x1b[2J\x7f`,
		"\xff\u202e�":  `\xff\u202e�`,
	} {
		if got := printable(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, test := range []struct {
		text     string
		width    int
		ellipsis string
		want     string
	}{
		{"abcdef", 0, "...", "abcdef"},
		{"abcdef", 6, "...", "abcdef"},
		{"abcdef", 5, "...", "ab..."},
		{"äöüäöü", 5, "…", "äöüä…"},
		{"abcdef", 3, "", "abc"},
	} {
		if got := cut(test.text, test.width, test.ellipsis); got != test.want {
			t.Errorf("%q in %d: got %q, want %q", test.text, test.width, got, test.want)
		}
	}
}

func TestFigures(t *testing.T) {
	var none procgroup.Optional[time.Duration]
	for got, want := range map[string]string{
		sizeText(procgroup.Optional[uint64]{}):                             "-",
		sizeText(known(uint64(0))):                                         "0B",
		sizeText(known(uint64(3 << 19))):                                   "1.5MiB",
		cpuText(cpuTime(known(time.Second), none)):                         "-",
		cpuText(cpuTime(known(62*time.Second), known(5*time.Millisecond))): "1m2.01s",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestNameChoices(t *testing.T) {
	infos := exampleInfos()
	got := strings.Join(nameChoices(infos, []string{"worker"}, isAny), " ")
	if want := "web abcdef012345"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	got = strings.Join(nameChoices(infos, []string{"0123456789ab"}, isLive), " ")
	if want := "worker"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzPrintable(f *testing.F) {
	for _, seed := range []string{"", "sh -c", "\xff\x00\u202e\n\t", "\u0085\u200b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := printable(text)
		if strings.ContainsAny(got, "\x00\x07\x08\t\n\r\x1b\x7f\u0085\u009b\u202e") || !utf8.ValidString(got) {
			t.Errorf("%q became %q", text, got)
		}
	})
}
