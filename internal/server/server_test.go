package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
	"github.com/procgroup/procgroup/internal/localsock"
	"github.com/procgroup/procgroup/internal/server"
	"github.com/procgroup/procgroup/internal/server/servertest"
)

// patience bounds what should take no time.
const patience = 10 * time.Second

// pipes is the goroutine that go-winio has for all named pipes of Windows.
const pipes = "github.com/Microsoft/go-winio.ioCompletionProcessor"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(pipes)) }

// service is a run that is served.
type service struct {
	*servertest.Run
	*server.Server
	path   string
	client *http.Client
	served chan error
}

// serve serves a run on a socket of its own. It is shut down at the end of the test.
func serve(t *testing.T) *service {
	t.Helper()
	dir, err := os.MkdirTemp("", "pg") // the path of a socket has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	run := servertest.New(control.Info{ID: "0123456789ab", State: control.Running, Dir: "<&>"})
	s := &service{Run: run, Server: server.New(run), served: make(chan error, 1)}
	s.path = localsock.Path(dir, filepath.Base(dir))
	listener, err := localsock.Listen(s.path)
	if err != nil {
		t.Fatal(err)
	}
	go func() { s.served <- s.Serve(listener) }()
	s.client = &http.Client{Transport: &http.Transport{DialContext: s.dial}, Timeout: patience}
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-s.served; err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *service) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return localsock.Dial(ctx, s.path)
}

// connect returns a connection on which nothing was asked yet.
func (s *service) connect(t *testing.T) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := localsock.Dial(ctx, s.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// ask sends a request, and returns the answer with its body.
func (s *service) ask(t *testing.T, method, target, media, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://any"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	response, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

func TestRequests(t *testing.T) {
	s := serve(t)
	s.Lines = []control.LogLine{{Stream: control.Stdout, Text: "hello"}, {Stream: control.Stderr, Partial: true}}
	s.End()
	const ended = `"id":"0123456789ab","state":"exited","command":null,"dir":"<&>"`
	for _, c := range []struct {
		method, target, body string
		status               int
		answer               string // a part of it
		call                 string
	}{
		{"GET", "/v1/run", "", 200, ended, ""},
		{"GET", "/v1/processes", "", 200, `{"processes":[{"pid":7,`, ""},
		{"GET", "/v1/stats", "", 200, `"memory":1048576`, ""},
		{"POST", "/v1/pause", "", 204, "", "pause"},
		{"POST", "/v1/resume", " {} ", 204, "", "resume"},
		{"POST", "/v1/kill", "{}", 204, "", "kill"},
		{"POST", "/v1/stop", "", 200, ended, `stop - ""`},
		{"POST", "/v1/stop", `{"grace_ns":0,"signal":"HUP"}`, 200, ended, `stop 0s "HUP"`},
		{"POST", "/v1/stop", `{"grace_ns":null}`, 200, ended, `stop - ""`},
		{"POST", "/v1/signal", `{"signal":"USR1"}`, 204, "", "signal USR1"},
		{"GET", "/v1/wait", "", 200, ended, "wait exit"},
		{"GET", "/v1/wait?until=empty", "", 200, ended, "wait empty"},
		{"GET", "/v1/wait?until=ready", "", 200, ended, "wait ready"},
		{"GET", "/v1/logs", "", 200, " stdout F hello\n0001-01-01T00:00:00.000000000Z stderr P \n", "logs - 0001-01-01T00:00:00Z false"},
		{"GET", "/v1/logs?tail=0&follow=true&since=2026-11-22T20:00:00.5Z", "", 200, " procgroup F the end\n", "logs 0 2026-11-22T20:00:00.5Z true"},
	} {
		response, text := s.ask(t, c.method, c.target, "application/json; charset=utf-8", c.body)
		if response.StatusCode != c.status || !strings.Contains(text, c.answer) {
			t.Errorf("%s %s %s: %s %q, want %d %q", c.method, c.target, c.body, response.Status, text, c.status, c.answer)
		}
		if calls := s.Calls(); c.call != "" && calls[len(calls)-1] != c.call {
			t.Errorf("%s %s %s: called %q, want %q", c.method, c.target, c.body, calls, c.call)
		}
	}
}

func TestRefusals(t *testing.T) {
	s := serve(t)
	const asJSON = "application/json"
	for _, c := range []struct {
		method, target, media, body string
		status                      int
		code                        control.Code
	}{
		{"GET", "/", "", "", 404, "not-found"},
		{"GET", "/v1/run/", "", "", 404, "not-found"},
		{"GET", "/v2/run", "", "", 404, "not-found"},
		{"GET", "/v1/../v1/run", "", "", 404, "not-found"},
		{"POST", "/v1/run", "", "", 405, "invalid"},
		{"HEAD", "/v1/run", "", "", 405, ""},
		{"DELETE", "/v1/kill", "", "", 405, "invalid"},
		{"GET", "/v1/run?verbose=1", "", "", 400, "invalid"},
		{"GET", "/v1/run?%zz", "", "", 400, "invalid"},
		{"GET", "/v1/run", asJSON, "{}", 400, "invalid"},
		{"POST", "/v1/kill?now", "", "", 400, "invalid"},
		{"POST", "/v1/kill", "", "{}", 415, "invalid"},
		{"POST", "/v1/kill", "text/plain", "{}", 415, "invalid"},
		{"POST", "/v1/kill", asJSON, `{"now":true}`, 400, "invalid"},
		{"POST", "/v1/kill", asJSON, `{} {}`, 400, "invalid"},
		{"POST", "/v1/kill", asJSON, `{}x`, 400, "invalid"},
		{"POST", "/v1/kill", asJSON, `[]`, 400, "invalid"},
		{"POST", "/v1/kill", asJSON, `null`, 400, "invalid"},
		{"POST", "/v1/kill", asJSON, `{`, 400, "invalid"},
		{"POST", "/v1/kill", asJSON, strings.Repeat(" ", 64<<10) + "{}", 413, "invalid"},
		{"POST", "/v1/stop", asJSON, `{"grace_ns":-1}`, 400, "invalid"},
		{"POST", "/v1/stop", asJSON, `{"grace_ns":"10s"}`, 400, "invalid"},
		{"POST", "/v1/stop", asJSON, `{"grace_ns":1e30}`, 400, "invalid"},
		{"POST", "/v1/signal", asJSON, ``, 400, "invalid"},
		{"POST", "/v1/signal", asJSON, `{"signal":9}`, 400, "invalid"},
		{"GET", "/v1/wait?until=", "", "", 400, "invalid"},
		{"GET", "/v1/wait?until=dawn", "", "", 400, "invalid"},
		{"GET", "/v1/wait?until=exit&until=exit", "", "", 400, "invalid"},
		{"GET", "/v1/logs?tail=-1", "", "", 400, "invalid"},
		{"GET", "/v1/logs?tail=all", "", "", 400, "invalid"},
		{"GET", "/v1/logs?tail=99999999999", "", "", 400, "invalid"},
		{"GET", "/v1/logs?since=yesterday", "", "", 400, "invalid"},
		{"GET", "/v1/logs?follow=yes", "", "", 400, "invalid"},
		{"GET", "/v1/logs?follow=", "", "", 400, "invalid"},
	} {
		response, text := s.ask(t, c.method, c.target, c.media, c.body)
		if response.StatusCode != c.status || !strings.HasPrefix(text, fmt.Sprintf(`{"code":%q,"message":"`, c.code)) && c.code != "" {
			t.Errorf("%s %s %.50s: %s %q, want %d %s", c.method, c.target, c.body, response.Status, text, c.status, c.code)
		}
		if allow := response.Header.Get("Allow"); (allow != "") != (c.status == 405) {
			t.Errorf("%s %s: Allow is %q", c.method, c.target, allow)
		}
	}
	if calls := s.Calls(); len(calls) > 0 {
		t.Errorf("called %q", calls)
	}
}

func TestErrors(t *testing.T) {
	s := serve(t)
	for _, c := range []struct {
		err    error
		status int
		code   control.Code
	}{
		{os.ErrInvalid, 400, control.CodeInvalid},
		{control.ErrNotFound, 404, control.CodeNotFound},
		{control.ErrNoLog, 404, control.CodeNotFound},
		{control.ErrEnded, 409, control.CodeEnded},
		{procgroup.ErrNotStarted, 409, control.CodeNotStarted},
		{procgroup.ErrSurvivors, 500, control.CodeSurvivors},
		{errors.ErrUnsupported, 501, control.CodeUnsupported},
		{os.ErrDeadlineExceeded, 504, control.CodeTimeout},
		{context.DeadlineExceeded, 504, control.CodeTimeout},
		{errors.New("bad luck"), 500, control.CodeFailed},
	} {
		s.Err, s.LogErr = fmt.Errorf("a \"test\": %w", c.err), c.err
		for _, request := range []string{"GET processes", "GET stats", "POST pause", "POST kill", "POST stop", "GET wait", "GET logs"} {
			method, path, _ := strings.Cut(request, " ")
			response, text := s.ask(t, method, "/v1/"+path, "", "")
			if response.StatusCode != c.status || !strings.Contains(text, fmt.Sprintf(`"code":%q`, c.code)) ||
				response.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%v: %s %q, want %d %s", c.err, response.Status, text, c.status, c.code)
			}
		}
	}
}

func TestPanic(t *testing.T) {
	s := serve(t)
	response, text := s.ask(t, "POST", "/v1/signal", "application/json", `{"signal":"panic"}`)
	if response.StatusCode != 500 || !strings.Contains(text, `"panic: signal"`) {
		t.Errorf("%s %s", response.Status, text)
	}
	if response, _ := s.ask(t, "GET", "/v1/run", "", ""); response.StatusCode != 200 {
		t.Errorf("afterwards: %s", response.Status)
	}
}

// TestClientLeaves sees that nothing goes on for who is gone.
func TestClientLeaves(t *testing.T) {
	for request, call := range map[string]string{
		"GET /v1/wait":             "gone",
		"POST /v1/stop":            "gone",
		"GET /v1/logs?follow=true": "gone",
		"POST /v1/pause":           "pause undone",
	} {
		s := serve(t)
		s.Hang = true
		conn := s.connect(t)
		fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: any\r\nContent-Length: 0\r\n\r\n", request)
		_, path, _ := strings.Cut(request, "/v1/")
		switch path {
		case "wait":
			path = "wait exit"
		case "stop":
			path = `stop - ""`
		case "logs?follow=true":
			path = "logs - 0001-01-01T00:00:00Z true"
		}
		if !s.Await(path) {
			t.Fatalf("%s: called %q", request, s.Calls())
		}
		conn.Close()
		if !s.Await(call) {
			t.Errorf("%s: called %q, want %q", request, s.Calls(), call)
		}
	}
}

// TestLogsFollowed reads each line before the next is there.
func TestLogsFollowed(t *testing.T) {
	s := serve(t)
	s.Lines = []control.LogLine{{Stream: control.Stdout, Text: "first"}}
	response, err := s.client.Get("http://any/v1/logs?follow=true")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewReader(response.Body)
	for _, want := range []string{"stdout F first\n", "procgroup F the end\n"} {
		line, err := lines.ReadString('\n')
		if err != nil || !strings.HasSuffix(line, want) {
			t.Fatalf("%q, %v, want %q", line, err, want)
		}
		if want == "stdout F first\n" {
			s.End()
		}
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v at the end", rest, err)
	}
}

// TestLogsCutOff sees that a log that could not be read to its end does not look complete.
func TestLogsCutOff(t *testing.T) {
	s := serve(t)
	s.Lines = []control.LogLine{{Stream: control.Stdout, Text: "first"}}
	s.LogErr = io.ErrNoProgress
	for _, query := range []string{"", "?follow=true"} {
		response, err := s.client.Get("http://any/v1/logs" + query)
		if err != nil {
			continue // cut off in the head, which was not sent yet
		}
		_, err = io.ReadAll(response.Body)
		response.Body.Close()
		if err == nil {
			t.Errorf("%s: the answer ended as if it were complete", query)
		}
	}
}
