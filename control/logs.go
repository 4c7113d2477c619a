package control

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/procgroup/procgroup/internal/logline"
	"github.com/procgroup/procgroup/internal/runlog"
)

// maxLine is how long a line of a log can be. What is longer was split by the run.
const maxLine = 1 << 20

// Logs returns the lines of the log, oldest first. An error comes last, with a line that means
// nothing: [ErrNoLog] if none is kept. What comes before an error is right, but not all.
func (r *Run) Logs(ctx context.Context, o LogOptions) iter.Seq2[LogLine, error] {
	return func(yield func(LogLine, error) bool) {
		begun, stopped := false, errors.New("stopped")
		each := func(line LogLine) error {
			begun = true
			if !yield(line, nil) {
				return stopped
			}
			return nil
		}
		err := r.readLogs(ctx, o, each)
		if record, ok := recordIn(err); ok && !begun {
			err = readKept(ctx, record, o, each)
		}
		if err != nil && !errors.Is(err, stopped) {
			yield(LogLine{}, err)
		}
	}
}

// readKept reads the log that a run has left behind.
func readKept(ctx context.Context, record Info, o LogOptions, line func(LogLine) error) error {
	if record.Log == "" {
		return ErrNoLog
	}
	return runlog.Read(ctx, record.Log, o, nil, line)
}

// readLogs reads the log that the run sends.
func (r *Run) readLogs(ctx context.Context, o LogOptions, line func(LogLine) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	q := request{method: http.MethodGet, path: "logs", query: logQuery(o), patience: whileAnswering}
	if o.Follow {
		q.patience = unlimited
	}
	response, err := r.send(ctx, cancel, q)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, maxLine)
	lines.Split(wholeLines)
	for lines.Scan() {
		l, err := logline.Parse(lines.Bytes())
		if err != nil {
			return fmt.Errorf("no proper answer: %w", err)
		}
		if err := line(l); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("log is not complete: %w", r.explain(ctx, err))
	}
	return nil
}

// wholeLines is a [bufio.SplitFunc] for lines, of which the last must not be cut off.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return 0, nil, nil
}

// logQuery returns the options as they are asked for.
func logQuery(o LogOptions) url.Values {
	query := make(url.Values)
	if o.Tail.Valid {
		query.Set("tail", strconv.Itoa(o.Tail.V))
	}
	if !o.Since.IsZero() {
		query.Set("since", o.Since.Format(time.RFC3339Nano))
	}
	if o.Follow {
		query.Set("follow", "true")
	}
	return query
}
