package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/procgroup/procgroup/internal/localsock"
	"github.com/procgroup/procgroup/internal/registry"
)

// silence is how long a run may leave a question unanswered. Tests shorten it.
var silence = 2 * time.Second

const (
	bodyLimit = 10 * time.Second // for the rest of an answer that has begun
	idleLimit = 5 * time.Second  // in which a connection is used again; a run keeps it longer

	maxHead   = 64 << 10
	maxAnswer = 16 << 20
)

// newRun returns the run of an entry.
func newRun(entry registry.Entry) *Run {
	// There is no Proxy: what stays on this machine is nothing for one.
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, silence)
			defer cancel()
			return localsock.Dial(ctx, entry.Socket)
		},
		DisableCompression:     true,
		IdleConnTimeout:        idleLimit,
		MaxIdleConnsPerHost:    1,
		MaxResponseHeaderBytes: maxHead,
	}
	// A redirection is an answer like any other, and none that there can be.
	answered := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Run{entry, &http.Client{Transport: transport, CheckRedirect: answered}}
}

// patience says how long an answer is waited for, apart from what the context says.
type patience int

const (
	briefly        patience = iota // as long as the run may be silent
	whileAnswering                 // as long as it answers questions
	unlimited                      // as long as it is there
)

// request is what a run is asked or told.
type request struct {
	method, path string // the path without the version
	query        url.Values
	body         any // in JSON; nil is none
	patience     patience
}

// do sends a request and decodes the answer into result, unless that is nil.
func (r *Run) do(ctx context.Context, q request, result any) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	response, err := r.send(ctx, cancel, q)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if q.patience != unlimited {
		defer time.AfterFunc(bodyLimit, func() { cancel(ErrSilent) }).Stop()
	}
	text, err := readAnswer(response)
	if err != nil {
		return r.explain(ctx, err)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(text, result); err != nil {
		return fmt.Errorf("no proper answer: %w", err)
	}
	return nil
}

// send sends a request and returns the answer, of which only the head was read, if it is no error.
// cancel ends ctx.
func (r *Run) send(ctx context.Context, cancel context.CancelCauseFunc, q request) (*http.Response, error) {
	if r.entry.Status == registry.Ended {
		return nil, &overError{entry: r.entry}
	}
	req, err := q.encode(ctx)
	if err != nil {
		return nil, err
	}
	answered := r.attend(ctx, cancel, q.patience)
	response, err := r.client.Do(req)
	answered()
	if err != nil {
		return nil, r.explain(ctx, err)
	}
	if response.StatusCode/100 != 2 {
		defer response.Body.Close()
		defer time.AfterFunc(bodyLimit, func() { cancel(ErrSilent) }).Stop()
		return nil, r.explain(ctx, readError(response))
	}
	return response, nil
}

// attend calls cancel when the patience is over before the head of the answer is there, which
// answered has to tell.
func (r *Run) attend(ctx context.Context, cancel context.CancelCauseFunc, p patience) (answered func()) {
	switch p {
	case briefly:
		timer := time.AfterFunc(silence, func() { cancel(ErrSilent) })
		return func() { timer.Stop() }
	case whileAnswering:
		ctx, stop := context.WithCancel(ctx)
		var watch sync.WaitGroup
		watch.Go(func() { r.watch(ctx, cancel) })
		return func() {
			stop()
			watch.Wait()
		}
	}
	return func() {}
}

// watch asks the run from time to time, until ctx ends, and calls cancel when it is silent.
func (r *Run) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(silence)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if _, err := r.Info(ctx); err != nil && ctx.Err() == nil {
			cancel(err)
			return
		}
	}
}

// encode returns the request as one of HTTP. The host is of no concern.
func (q request) encode(ctx context.Context) (*http.Request, error) {
	var body io.Reader
	if q.body != nil {
		text, err := json.Marshal(q.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	where := url.URL{Scheme: "http", Host: "procgroup", Path: "/v1/" + q.path, RawQuery: q.query.Encode()}
	req, err := http.NewRequestWithContext(ctx, q.method, where.String(), body)
	if err == nil && body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, err
}

// readAnswer reads what was answered.
func readAnswer(response *http.Response) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err == nil && len(text) > maxAnswer {
		err = fmt.Errorf("answer is longer than %d bytes", maxAnswer)
	}
	return text, err
}

// readError returns the error that was answered.
func readError(response *http.Response) error {
	text, err := readAnswer(response)
	if err != nil {
		return err
	}
	answered := new(Error)
	if json.Unmarshal(text, answered) != nil || answered.Code == "" {
		return errors.New(response.Status)
	}
	if answered.Message == "" {
		answered.Message = string(answered.Code)
	}
	return answered
}
