package cli

import (
	"encoding/json"
	"io"
	"time"

	"github.com/procgroup/procgroup/control"
)

// logPrinter prints the lines of logs.
type logPrinter struct {
	out, err *logWriter

	named      bool // with names in front
	timestamps bool
	asJSON     bool
}

// logWriter is where a stream goes to.
type logWriter struct {
	w io.Writer

	// open is whose line has no end yet; nil if the last line has one.
	open *logSource
}

// logSource is who writes lines.
type logSource struct {
	name   string
	stream control.Stream
}

func (p *logPrinter) print(line namedLine) error {
	if p.asJSON {
		return json.NewEncoder(p.out.w).Encode(struct {
			Name string `json:"name"`
			control.LogLine
		}{line.name, line.LogLine})
	}
	to := p.out
	if line.Stream != control.Stdout {
		to = p.err
	}
	return to.print(line, p.prefix(line))
}

// prefix returns what is in front of a line.
func (p *logPrinter) prefix(line namedLine) string {
	prefix := ""
	if p.named {
		prefix = line.name + " | "
	}
	if p.timestamps {
		prefix += line.Time.Format(time.RFC3339Nano) + " "
	}
	return prefix
}

// end ends a line that has no end, where others than the command's own bytes are printed.
func (p *logPrinter) end() error {
	if !p.named {
		return nil
	}
	for _, to := range []*logWriter{p.out, p.err} {
		if err := to.endLine(); err != nil {
			return err
		}
	}
	return nil
}

// print prints a line, or goes on with one.
func (to *logWriter) print(line namedLine, prefix string) error {
	source := logSource{line.name, line.Stream}
	text := line.Text
	if to.open == nil || *to.open != source {
		if err := to.endLine(); err != nil {
			return err
		}
		text = prefix + text
	}
	if line.Partial {
		to.open = &source
	} else {
		to.open = nil
		text += "\n"
	}
	_, err := io.WriteString(to.w, text)
	return err
}

// endLine lets what comes begin on a line of its own.
func (to *logWriter) endLine() error {
	if to.open == nil {
		return nil
	}
	to.open = nil
	_, err := io.WriteString(to.w, "\n")
	return err
}
