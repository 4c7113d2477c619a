// Package logline has the lines of a log, as they are kept and as they are sent. Package control
// passes its types on.
package logline

import (
	"bytes"
	"errors"
	"time"

	"github.com/procgroup/procgroup"
)

// Options choose what of a log is read. The zero value is all that is kept.
type Options struct {
	Tail   procgroup.Optional[int] // only so many lines at the end
	Since  time.Time               // only lines from then on
	Follow bool                    // go on with what comes, until the run is over
}

// Line is a line that a command has written.
type Line struct {
	Time    time.Time `json:"time"`
	Stream  Stream    `json:"stream"`
	Text    string    `json:"text"`              // without the line break; any bytes
	Partial bool      `json:"partial,omitempty"` // the line goes on in the next Line of the stream
}

// Stream is where a line comes from.
type Stream string

// The streams of a log.
const (
	Stdout    Stream = "stdout"    // the command's standard output
	Stderr    Stream = "stderr"    // its standard error
	Procgroup Stream = "procgroup" // what procgroup itself has to say
)

// timeLayout is RFC 3339 with all nanoseconds, so that the columns stay where they are.
const timeLayout = "2006-01-02T15:04:05.000000000Z07:00"

// Append appends a line to b in the format of the Kubernetes CRI logs, with its line break:
//
//	2026-11-22T20:00:00.123456789Z stdout F text
//
// The tag is P instead of F for a partial line.
func Append(b []byte, l Line) []byte {
	b = l.Time.UTC().AppendFormat(b, timeLayout)
	b = append(b, ' ')
	b = append(b, l.Stream...)
	tag := " F "
	if l.Partial {
		tag = " P "
	}
	b = append(b, tag...)
	b = append(b, l.Text...)
	return append(b, '\n')
}

// errFormat is the error for what is no line of a log.
var errFormat = errors.New("not a line of a log")

// Parse reads a line as Append writes it, without its line break.
func Parse(b []byte) (Line, error) {
	stamp, rest, ok1 := bytes.Cut(b, []byte(" "))
	stream, rest, ok2 := bytes.Cut(rest, []byte(" "))
	tag, text, ok3 := bytes.Cut(rest, []byte(" "))
	if !ok1 || !ok2 || !ok3 || len(tag) != 1 || tag[0] != 'F' && tag[0] != 'P' {
		return Line{}, errFormat
	}
	l := Line{Stream: Stream(stream), Text: string(text), Partial: tag[0] == 'P'}
	switch l.Stream {
	case Stdout, Stderr, Procgroup:
	default:
		return Line{}, errFormat
	}
	var err error
	if l.Time, err = time.Parse(time.RFC3339Nano, string(stamp)); err != nil {
		return Line{}, errFormat
	}
	return l, nil
}
