package runlog

import (
	"bytes"
	"unicode/utf8"
)

// maxText bounds the text of a line in a file, as in Kubernetes. Longer ones are split.
const maxText = 16 << 10

// splitter makes lines of bytes that come in pieces.
type splitter struct {
	rest []byte // what has no line break yet, at most maxText
}

// write calls line for the lines that p completes, without their line breaks, and for parts of
// lines that are too long for one. A text is good until line returns.
func (s *splitter) write(p []byte, line func(text []byte, partial bool)) {
	for len(p) > 0 {
		text, after, whole := bytes.Cut(p, []byte("\n"))
		p = after
		for len(s.rest)+len(text) > maxText {
			n := maxText - len(s.rest)
			s.rest = append(s.rest, text[:n]...)
			cut := wholeRunes(s.rest)
			line(s.rest[:cut], true)
			s.rest = append(s.rest[:0], s.rest[cut:]...)
			text = text[n:]
		}
		switch {
		case !whole:
			s.rest = append(s.rest, text...)
		case len(s.rest) == 0:
			line(text, false) // most lines come as a whole
		default:
			line(append(s.rest, text...), false)
			s.rest = s.rest[:0]
		}
	}
}

// flush calls line for what has no line break yet, if there is such.
func (s *splitter) flush(line func(text []byte, partial bool)) {
	if len(s.rest) > 0 {
		line(s.rest, true)
		s.rest = s.rest[:0]
	}
}

// wholeRunes returns where to cut a text that goes on, so that no character is torn: each half
// alone would not be UTF-8, and JSON can hold nothing else.
func wholeRunes(text []byte) int {
	for i := len(text) - 1; i > len(text)-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			if !utf8.FullRune(text[i:]) {
				return i
			}
			break
		}
	}
	return len(text)
}
