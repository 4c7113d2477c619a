package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/procgroup/procgroup/control"
)

func logLine(second int, stream control.Stream, text string, partial bool) control.LogLine {
	return control.LogLine{Time: noon.Add(time.Duration(second) * time.Second), Stream: stream, Text: text, Partial: partial}
}

// fixedLog is a log of lines that are there, with an error at the end or none.
func fixedLog(name string, err error, lines ...control.LogLine) namedLog {
	return namedLog{name, func(context.Context) iter.Seq2[control.LogLine, error] {
		return func(yield func(control.LogLine, error) bool) {
			for _, line := range lines {
				if !yield(line, nil) {
					return
				}
			}
			if err != nil {
				yield(control.LogLine{}, err)
			}
		}
	}}
}

// exampleLogs are two logs that were written at the same time.
func exampleLogs() []namedLog {
	return []namedLog{
		fixedLog("a", nil,
			logLine(0, control.Stdout, "a1 ", true), logLine(2, control.Stdout, "goes on", false),
			logLine(3, control.Stderr, "a2", false), logLine(6, control.Stdout, "a3>", true)),
		fixedLog("b", errors.New("torn"),
			logLine(1, control.Stdout, "b1", false), logLine(3, control.Procgroup, "b2", false)),
	}
}

func TestLogs(t *testing.T) {
	for name, test := range map[string]struct {
		printer  logPrinter
		logs     []namedLog
		out, err string
	}{
		"one":   {logPrinter{}, exampleLogs()[:1], "a1 goes on\na3>", "a2\n"},
		"times": {logPrinter{timestamps: true}, exampleLogs()[1:], "2026-11-22T12:00:01Z b1\n", "2026-11-22T12:00:03Z b2\n"},
		"two":   {logPrinter{named: true}, exampleLogs(), "a | a1 goes on\nb | b1\na | a3>\n", "a | a2\nb | b2\n"},
		"two, with times": {
			logPrinter{named: true, timestamps: true}, exampleLogs()[:1],
			"a | 2026-11-22T12:00:00Z a1 goes on\na | 2026-11-22T12:00:06Z a3>\n", "a | 2026-11-22T12:00:03Z a2\n",
		},
		"json": {logPrinter{asJSON: true}, exampleLogs()[1:], `{"name":"b","time":"2026-11-22T12:00:01Z","stream":"stdout","text":"b1"}
{"name":"b","time":"2026-11-22T12:00:03Z","stream":"procgroup","text":"b2"}
`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out, stderr bytes.Buffer
			p := test.printer
			p.out, p.err = &logWriter{w: &out}, &logWriter{w: &stderr}
			for line, err := range mergeLogs(t.Context(), test.logs) {
				if err != nil {
					if line.name != "b" {
						t.Errorf("%s: %v", line.name, err)
					}
					continue
				}
				if err := p.print(line); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.end(); err != nil {
				t.Fatal(err)
			}
			if out.String() != test.out || stderr.String() != test.err {
				t.Errorf("got %q and %q, want %q and %q", out.String(), stderr.String(), test.out, test.err)
			}
		})
	}
}

// TestTornLine interrupts a line that has no end: who comes next begins on a line of its own.
func TestTornLine(t *testing.T) {
	var out bytes.Buffer
	p := logPrinter{out: &logWriter{w: &out}, err: &logWriter{w: io.Discard}, named: true}
	for _, line := range []namedLine{
		{"a", logLine(0, control.Stdout, "one ", true)},
		{"b", logLine(1, control.Stdout, "two", false)},
		{"a", logLine(2, control.Stdout, "three", false)},
	} {
		if err := p.print(line); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := out.String(), "a | one \nb | two\na | three\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestJoinLogs follows logs, of which one has nothing to say, and stops in the middle.
func TestJoinLogs(t *testing.T) {
	silent := namedLog{"silent", func(ctx context.Context) iter.Seq2[control.LogLine, error] {
		return func(func(control.LogLine, error) bool) { <-ctx.Done() }
	}}
	logs := append(exampleLogs(), silent)
	seen, errs := 0, 0
	for line, err := range joinLogs(t.Context(), logs) {
		if err != nil {
			errs++
		} else if line.Text != "" {
			seen++
		}
		if seen == 6 && errs == 1 {
			break
		}
	}
	if seen != 6 || errs != 1 {
		t.Errorf("%d lines and %d errors, want 6 and 1", seen, errs)
	}
}

func TestParseTail(t *testing.T) {
	for text, want := range map[string]string{"all": "-", "0": "0", "12": "12", "-1": "error", "": "error", "1e3": "error", "ALL": "error"} {
		got := "error"
		if tail, err := parseTail(text); err == nil {
			got = tail.String()
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestParseSince(t *testing.T) {
	for text, want := range map[string]time.Time{
		"10m":                         noon.Add(-10 * time.Minute),
		"0":                           noon,
		"2026-11-22T11:00:00Z":        noon.Add(-time.Hour),
		"2026-11-22T13:00:00.5+01:00": noon.Add(time.Second / 2),
	} {
		if got, err := parseSince(text, noon); err != nil || !got.Equal(want) {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1s", "10", "yesterday", "2026-11-22"} {
		if got, err := parseSince(text, noon); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func FuzzTail(f *testing.F) {
	for _, seed := range []string{"all", "0", "-1", "99999999999999999999", "+3", " 1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tail, err := parseTail(text)
		if err != nil || !tail.Valid {
			if err == nil && text != "all" {
				t.Errorf("%q is all", text)
			}
			return
		}
		if tail.V < 0 || strings.TrimLeft(text, "+-0123456789") != "" {
			t.Errorf("%q is %d", text, tail.V)
		}
	})
}

func FuzzSince(f *testing.F) {
	for _, seed := range []string{"10m", "-1s", "2026-11-22T11:00:00Z", "2026-11-22T13:00:00.5+01:00", "9999999h", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		since, err := parseSince(text, noon)
		if err != nil {
			return
		}
		if _, parse := time.ParseDuration(text); parse == nil && since.After(noon) {
			t.Errorf("%q is in the future: %v", text, since)
		}
	})
}
