package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/docker/go-units"

	"github.com/procgroup/procgroup"
)

// writeJSON writes JSON for people to read as well.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// newTable returns a table of which the cells end with tabs, and the rows with line breaks.
func newTable(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 8, 3, ' ', 0) }

// commandText returns a command on one line.
func commandText(command []string) string { return printable(strings.Join(command, " ")) }

// printable returns a text without what a terminal would obey or a table stumble over.
func printable(text string) string {
	var b strings.Builder
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < utf8.RuneSelf:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// cut returns a text of at most so many characters, of which the last stands for what was cut
// off; 0 is no limit.
func cut(text string, width int, ellipsis string) string {
	if width <= 0 || utf8.RuneCountInString(text) <= width {
		return text
	}
	keep := max(width-utf8.RuneCountInString(ellipsis), 0)
	return string([]rune(text)[:keep]) + ellipsis
}

// sizeText returns a number of bytes as people read it, such as 1.5MiB.
func sizeText(n procgroup.Optional[uint64]) string {
	if !n.Valid {
		return n.String()
	}
	return units.BytesSize(float64(n.V))
}

// cpuTime adds up what was used in user mode and in the kernel; absent unless both are known.
func cpuTime(user, system procgroup.Optional[time.Duration]) procgroup.Optional[time.Duration] {
	if !user.Valid || !system.Valid {
		return procgroup.Optional[time.Duration]{}
	}
	return procgroup.Optional[time.Duration]{V: user.V + system.V, Valid: true}
}

// cpuText returns a CPU time as people read it, such as 1m2.34s.
func cpuText(d procgroup.Optional[time.Duration]) string {
	d.V = d.V.Round(10 * time.Millisecond)
	return d.String()
}

// ago returns a time as people tell it, such as "3 minutes".
func ago(d time.Duration) string {
	text := units.HumanDuration(max(d, 0))
	return strings.ToLower(text[:1]) + text[1:]
}
