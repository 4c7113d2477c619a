package logline

import (
	"bytes"
	"testing"
	"time"
)

func TestAppend(t *testing.T) {
	at := time.Date(2026, 11, 22, 21, 0, 0, 5000, time.FixedZone("", 3600))
	for want, l := range map[string]Line{
		"2026-11-22T20:00:00.000005000Z stdout F hello world\n": {Time: at, Stream: Stdout, Text: "hello world"},
		"2026-11-22T20:00:00.000005000Z stderr P \n":            {Time: at, Stream: Stderr, Partial: true},
		"2026-11-22T20:00:00.000005000Z procgroup F \x00 \n":    {Time: at, Stream: Procgroup, Text: "\x00 "},
	} {
		if got := string(Append(nil, l)); got != want {
			t.Errorf("%+v is %q, want %q", l, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"", " ", "   ", "hello", "2026-11-22T20:00:00Z stdout F", "2026-11-22T20:00:00Z stdout X text",
		"2026-11-22T20:00:00Z stdin F text", "yesterday stdout F text", "2026-11-22T20:00:00Z stdout FP text",
	} {
		if l, err := Parse([]byte(text)); err == nil {
			t.Errorf("%q is %+v", text, l)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("2026-11-22T20:00:00.123456789Z stdout F text"))
	f.Add([]byte("2026-11-22T20:00:00+01:00 procgroup P "))
	f.Add([]byte("0000-01-01T00:00:00+23:59 stderr F \xff\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := Parse(text)
		if err != nil {
			return
		}
		written := Append(nil, l)
		again, err := Parse(bytes.TrimSuffix(written, []byte("\n")))
		if year := l.Time.UTC().Year(); year < 0 || year > 9999 {
			return // by its zone alone; there is no way to write it
		}
		if err != nil || !again.Time.Equal(l.Time) || again.Text != l.Text || again.Stream != l.Stream || again.Partial != l.Partial {
			t.Errorf("%q is %+v, written %q, read again %+v, %v", text, l, written, again, err)
		}
	})
}
