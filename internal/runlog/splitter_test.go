package runlog

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// split returns the lines that chunks make, each with its tag.
func split(chunks ...string) []string {
	var s splitter
	var lines []string
	add := func(text []byte, partial bool) {
		tag := "F "
		if partial {
			tag = "P "
		}
		lines = append(lines, tag+string(text))
	}
	for _, chunk := range chunks {
		s.write([]byte(chunk), add)
	}
	s.flush(add)
	return lines
}

func TestSplit(t *testing.T) {
	full := strings.Repeat("x", maxText)
	for _, test := range []struct {
		name   string
		chunks []string
		want   []string
	}{
		{"nothing", nil, nil},
		{"lines", []string{"a\n\nb\n"}, []string{"F a", "F ", "F b"}},
		{"no line break", []string{"a\nb"}, []string{"F a", "P b"}},
		{"pieces", []string{"a", "", "b", "\nc", "\n"}, []string{"F ab", "F c"}},
		{"kept as they are", []string{"a\r\n\x00\xff \n"}, []string{"F a\r", "F \x00\xff "}},
		{"just as long as a line", []string{full + "\n"}, []string{"F " + full}},
		{"just as long, its end later", []string{full, "\n"}, []string{"F " + full}},
		{"too long", []string{full + "y\n"}, []string{"P " + full, "F y"}},
		{"much too long", []string{full + full, full + "\n"}, []string{"P " + full, "P " + full, "F " + full}},
		{"a character at the end", []string{full[1:] + "ü\n"}, []string{"P " + full[1:], "F ü"}},
		{"a character that fits", []string{full[2:] + "ü€\n"}, []string{"P " + full[2:] + "ü", "F €"}},
		{"four bytes", []string{full[3:] + "\U0001F600", "\n"}, []string{"P " + full[3:], "F \U0001F600"}},
		{"no text", []string{full[1:] + "\x80\x80\x80\x80\x80\n"}, []string{"P " + full[1:] + "\x80", "F \x80\x80\x80\x80"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := split(test.chunks...); !slices.Equal(got, test.want) {
				t.Errorf("%.40q, want %.40q", got, test.want)
			}
		})
	}
}

// FuzzSplit: whatever the pieces, the lines are the same, and together the bytes that came.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("a\nb\n\nc"), 1, 3)
	f.Add([]byte("\xff\x00\r\n"), 2, 2)
	f.Add(bytes.Repeat([]byte("ü"), maxText), 7, 5000)
	f.Add(append(bytes.Repeat([]byte("€"), maxText), '\n', 'x'), maxText-1, maxText)
	f.Add(bytes.Repeat([]byte{0x80}, 2*maxText+1), maxText, 1)
	f.Fuzz(func(t *testing.T, data []byte, first, more int) {
		var chunks []string
		for rest, n := data, first; len(rest) > 0; n = more {
			n = min(max(n, 1), len(rest))
			chunks = append(chunks, string(rest[:n]))
			rest = rest[n:]
			if len(chunks) > 1000 {
				more = len(rest)
			}
		}
		whole, pieces := split(string(data)), split(chunks...)
		if !slices.Equal(whole, pieces) {
			t.Errorf("%.200q in %d pieces is %.200q", whole, len(chunks), pieces)
		}
		var again []byte
		for i, line := range whole {
			tag, text := line[0], line[2:]
			again = append(again, text...)
			if tag == 'F' {
				again = append(again, '\n')
			} else if i < len(whole)-1 && utf8.Valid(data) && !utf8.ValidString(text) {
				t.Errorf("a character is torn at the end of %.200q", text)
			}
			if len(text) > maxText || strings.Contains(text, "\n") {
				t.Errorf("not one line of at most %d bytes: %.200q", maxText, text)
			}
		}
		if !bytes.Equal(again, data) {
			t.Errorf("%.200q has become %.200q", data, again)
		}
	})
}
