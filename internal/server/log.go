package server

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
	"github.com/procgroup/procgroup/internal/logline"
)

const logPath = "/v1/logs"

// serveLog answers with the lines of the log, each as soon as it is there. An error before the
// first line is answered like any other. After it the connection is cut off, so that nobody takes
// what there is for the whole.
func (s *Server) serveLog(w http.ResponseWriter, r *request) {
	o, err := r.logOptions()
	if err != nil {
		answerError(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	conn := http.NewResponseController(w)
	_ = conn.SetWriteDeadline(time.Time{}) // a pager may take its time; there may be one from an answer before
	begun := false
	var buf []byte
	err = s.run.Logs(r.Context(), o, func(line control.LogLine) error {
		begun = true
		buf = logline.Append(buf[:0], line)
		if _, err := w.Write(buf); err != nil || !o.Follow {
			return err
		}
		return conn.Flush()
	})
	switch {
	case err != nil && begun:
		panic(http.ErrAbortHandler)
	case err != nil:
		w.Header().Del("X-Content-Type-Options")
		answerError(w, err)
	}
}

// logOptions reads which lines are wanted.
func (r *request) logOptions() (control.LogOptions, error) {
	var o control.LogOptions
	for name, values := range r.query {
		var err error
		switch value := values[0]; name {
		case "tail":
			var n uint64
			n, err = strconv.ParseUint(value, 10, 31)
			o.Tail = procgroup.Optional[int]{V: int(n), Valid: true}
		case "since":
			o.Since, err = time.Parse(time.RFC3339Nano, value)
		case "follow":
			switch value {
			case "true", "false":
				o.Follow = value == "true"
			default:
				err = fmt.Errorf("%.100q is neither true nor false", value)
			}
		}
		if err != nil {
			return o, fmt.Errorf("parameter %s: %w: %w", name, err, os.ErrInvalid)
		}
	}
	return o, nil
}
