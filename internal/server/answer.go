package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
)

// refusal is the error for a request that never comes to the run.
type refusal struct {
	status  int
	code    control.Code
	message string
}

func (r *refusal) Error() string { return r.message }

// meanings are how errors are answered. The first that fits counts.
var meanings = []struct {
	err    error
	code   control.Code
	status int
}{
	{control.ErrNotFound, control.CodeNotFound, http.StatusNotFound},
	{control.ErrNoLog, control.CodeNotFound, http.StatusNotFound},
	{control.ErrEnded, control.CodeEnded, http.StatusConflict},
	{procgroup.ErrNotStarted, control.CodeNotStarted, http.StatusConflict},
	{procgroup.ErrInterrupted, control.CodeInterrupted, http.StatusConflict},
	{procgroup.ErrSurvivors, control.CodeSurvivors, http.StatusInternalServerError},
	{errors.ErrUnsupported, control.CodeUnsupported, http.StatusNotImplemented},
	{os.ErrInvalid, control.CodeInvalid, http.StatusBadRequest},
	{os.ErrDeadlineExceeded, control.CodeTimeout, http.StatusGatewayTimeout},
	{context.DeadlineExceeded, control.CodeTimeout, http.StatusGatewayTimeout},
}

// answerError answers that a request failed.
func answerError(w http.ResponseWriter, err error) {
	var refused *refusal
	if errors.As(err, &refused) {
		write(w, refused.status, &control.Error{Code: refused.code, Message: refused.message})
		return
	}
	for _, m := range meanings {
		if errors.Is(err, m.err) {
			write(w, m.status, &control.Error{Code: m.code, Message: err.Error()})
			return
		}
	}
	write(w, http.StatusInternalServerError, &control.Error{Code: control.CodeFailed, Message: err.Error()})
}

// answer answers that a request was done, with what came of it; nil is nothing.
func answer(w http.ResponseWriter, result any) {
	if result == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	write(w, http.StatusOK, result)
}

// write writes an answer in JSON. Who does not take it in time is let go.
func write(w http.ResponseWriter, status int, v any) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // commands are full of what it would escape
	if err := encoder.Encode(v); err != nil {
		answerError(w, err)
		return
	}
	// Without a deadline, as in tests without a connection, it is written all the same.
	_ = http.NewResponseController(w).SetWriteDeadline(soon(writeLimit))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // who is gone needs no answer
}
