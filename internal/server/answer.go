package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/procgroup/procgroup/control"
)

// refusal is the error for a request that never comes to the run.
type refusal struct {
	status  int
	code    control.Code
	message string
}

func (r *refusal) Error() string { return r.message }

// statuses are those with which errors are answered.
var statuses = map[control.Code]int{
	control.CodeNotFound:    http.StatusNotFound,
	control.CodeEnded:       http.StatusConflict,
	control.CodeNotStarted:  http.StatusConflict,
	control.CodeInterrupted: http.StatusConflict,
	control.CodeSurvivors:   http.StatusInternalServerError,
	control.CodeUnsupported: http.StatusNotImplemented,
	control.CodeInvalid:     http.StatusBadRequest,
	control.CodeTimeout:     http.StatusGatewayTimeout,
	control.CodeFailed:      http.StatusInternalServerError,
}

// answerError answers that a request failed.
func answerError(w http.ResponseWriter, err error) {
	var refused *refusal
	if errors.As(err, &refused) {
		write(w, refused.status, &control.Error{Code: refused.code, Message: refused.message})
		return
	}
	code := control.CodeOf(err)
	write(w, statuses[code], &control.Error{Code: code, Message: err.Error()})
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
