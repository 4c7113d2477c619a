package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/procgroup/procgroup/control"
)

// request is a request that was read completely.
type request struct {
	*http.Request
	route route
	query url.Values // each of them once, and known
	body  []byte
}

// readRequest reads the whole of a request, so that nothing of it is waited for afterwards.
func readRequest(w http.ResponseWriter, req *http.Request) (*request, error) {
	body, err := readBody(w, req)
	if err != nil {
		return nil, err
	}
	rt, known := routes[req.URL.Path]
	if !known {
		return nil, &refusal{http.StatusNotFound, control.CodeNotFound, fmt.Sprintf("there is no %.100q", req.URL.Path)}
	}
	if req.Method != rt.method {
		w.Header().Set("Allow", rt.method)
		return nil, &refusal{http.StatusMethodNotAllowed, control.CodeInvalid,
			fmt.Sprintf("%s takes %s, not %.100q", req.URL.Path, rt.method, req.Method)}
	}
	query, err := rt.parseQuery(req.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	if req.Method == http.MethodGet && len(body) > 0 {
		return nil, fmt.Errorf("%s takes no body: %w", req.URL.Path, os.ErrInvalid)
	}
	return &request{req, rt, query, body}, nil
}

// readBody reads the body of a request, within readLimit.
func readBody(w http.ResponseWriter, req *http.Request) ([]byte, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil, nil
	}
	// Without a deadline, as in tests without a connection, it is read all the same.
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(soon(readLimit))
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		_ = conn.SetReadDeadline(time.Time{})
		return body, nil
	case errors.As(err, &tooLarge):
		return nil, &refusal{http.StatusRequestEntityTooLarge, control.CodeInvalid,
			fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit)}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &refusal{http.StatusRequestTimeout, control.CodeTimeout, "the body did not come in time"}
	}
	return nil, fmt.Errorf("reading the body: %w: %w", err, os.ErrInvalid)
}

// parseQuery reads a query, of which it takes nothing unknown and nothing twice.
func (rt route) parseQuery(raw string) (url.Values, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, os.ErrInvalid)
	}
	for name, values := range query {
		switch {
		case !slices.Contains(rt.params, name):
			return nil, fmt.Errorf("unknown parameter %.100q: %w", name, os.ErrInvalid)
		case len(values) > 1:
			return nil, fmt.Errorf("parameter %q is there %d times: %w", name, len(values), os.ErrInvalid)
		}
	}
	return query, nil
}

// decode reads the body, one JSON object with nothing unknown in it, into v. Where there is
// none, v stays as it is.
func (r *request) decode(v any) error {
	if len(r.body) == 0 {
		return nil
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return &refusal{http.StatusUnsupportedMediaType, control.CodeInvalid, "the body has to be application/json"}
	}
	if !bytes.HasPrefix(bytes.TrimLeft(r.body, " \t\r\n"), []byte("{")) {
		return fmt.Errorf("the body is no JSON object: %w", os.ErrInvalid)
	}
	decoder := json.NewDecoder(bytes.NewReader(r.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return fmt.Errorf("the body: %w: %w", err, os.ErrInvalid)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("something follows the JSON object in the body: %w", os.ErrInvalid)
	}
	return nil
}
