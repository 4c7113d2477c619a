package server

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/procgroup/procgroup/control"
)

// handler does what a request asks for and returns what is answered; nil is an answer without content.
type handler func(ctx context.Context, run Run, r *request) (any, error)

// route is what there is under a path.
type route struct {
	method  string
	handler handler
	params  []string // that the query may have
}

// routes are all requests that there are but logPath, of which the answer is no JSON.
var routes = map[string]route{
	"/v1/run":       {method: http.MethodGet, handler: info},
	"/v1/processes": {method: http.MethodGet, handler: processes},
	"/v1/stats":     {method: http.MethodGet, handler: stats},
	"/v1/pause":     {method: http.MethodPost, handler: pause},
	"/v1/resume":    {method: http.MethodPost, handler: resume},
	"/v1/kill":      {method: http.MethodPost, handler: kill},
	"/v1/stop":      {method: http.MethodPost, handler: stop},
	"/v1/signal":    {method: http.MethodPost, handler: signal},
	"/v1/wait":      {method: http.MethodGet, handler: wait, params: []string{"until"}},
	logPath:         {method: http.MethodGet, params: []string{"tail", "since", "follow"}},
}

// ServeHTTP answers a request; it is a [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Context().Value(excess{}) != nil {
		w.Header().Set("Connection", "close")
		answerError(w, &refusal{http.StatusServiceUnavailable, control.CodeFailed, "too many connections"})
		return
	}
	r, err := readRequest(w, req)
	if err != nil {
		answerError(w, err)
		return
	}
	if r.route.handler == nil {
		s.serveLog(w, r)
		return
	}
	result, err := r.do(req.Context(), s.run)
	if err != nil {
		answerError(w, err)
		return
	}
	answer(w, result)
}

// do calls the handler. A panic in it is an error of this request alone.
func (r *request) do(ctx context.Context, run Run) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return r.route.handler(ctx, run, r)
}

func info(_ context.Context, run Run, _ *request) (any, error) { return run.Info(), nil }

func processes(_ context.Context, run Run, _ *request) (any, error) {
	list, err := run.Processes()
	if list == nil {
		list = []control.Process{} // null would be no array
	}
	return map[string][]control.Process{"processes": list}, err
}

func stats(_ context.Context, run Run, _ *request) (any, error) { return run.Stats() }

func pause(ctx context.Context, run Run, r *request) (any, error) {
	if err := r.decode(&struct{}{}); err != nil {
		return nil, err
	}
	return nil, run.Pause(ctx)
}

func resume(ctx context.Context, run Run, r *request) (any, error) {
	if err := r.decode(&struct{}{}); err != nil {
		return nil, err
	}
	return nil, run.Resume(ctx)
}

func kill(_ context.Context, run Run, r *request) (any, error) {
	if err := r.decode(&struct{}{}); err != nil {
		return nil, err
	}
	return nil, run.Kill()
}

func stop(ctx context.Context, run Run, r *request) (any, error) {
	var o control.StopOptions
	if err := r.decode(&o); err != nil {
		return nil, err
	}
	if o.Grace.Valid && o.Grace.V < 0 {
		return nil, fmt.Errorf("negative grace %v: %w", o.Grace.V, os.ErrInvalid)
	}
	if err := run.Stop(ctx, o); err != nil {
		return nil, err
	}
	return run.Info(), nil
}

func signal(_ context.Context, run Run, r *request) (any, error) {
	var body struct {
		Signal string `json:"signal"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if body.Signal == "" {
		return nil, fmt.Errorf("no signal is named: %w", os.ErrInvalid)
	}
	return nil, run.Signal(body.Signal)
}

func wait(ctx context.Context, run Run, r *request) (any, error) {
	until := control.UntilExit
	if r.query.Has("until") {
		until = control.Until(r.query.Get("until"))
	}
	switch until {
	case control.UntilExit, control.UntilEmpty, control.UntilReady:
		return run.Wait(ctx, until)
	}
	return nil, fmt.Errorf("until is %q, which is none of exit, empty, ready: %w", until, os.ErrInvalid)
}

// soon is when the limit of something that begins now is over.
func soon(limit time.Duration) time.Time { return time.Now().Add(limit) }
