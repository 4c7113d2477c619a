package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/procgroup/procgroup/control"
	"github.com/procgroup/procgroup/internal/server"
	"github.com/procgroup/procgroup/internal/server/servertest"
)

// FuzzRequest sees that what makes no sense is the fault of who asks, and answered as such.
func FuzzRequest(f *testing.F) {
	for _, seed := range [][5]string{
		{"GET", "/v1/run", "", "", ""},
		{"GET", "/v1/wait", "until=empty", "", ""},
		{"GET", "/v1/logs", "tail=3&since=2026-11-22T20:00:00Z&follow=true", "", ""},
		{"GET", "/v1/logs", "tail=%33;follow", "", ""},
		{"POST", "/v1/stop", "", "application/json", `{"grace_ns":5,"signal":"HUP"}`},
		{"POST", "/v1/stop", "", "application/json; charset=utf-8", `{"Grace_NS":null} `},
		{"POST", "/v1/signal", "", "application/json", `{"signal":"TERM"}{`},
		{"POST", "/v1/pause", "", "application/json", ` {}`},
		{"CONNECT", "*", "", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4])
	}
	f.Fuzz(func(t *testing.T, method, path, query, media, body string) {
		run := servertest.New(control.Info{})
		run.End()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		req.Method = method
		req.URL = &url.URL{Path: path, RawQuery: query}
		req.Header.Set("Content-Type", media)
		answer := httptest.NewRecorder()
		server.New(run).ServeHTTP(answer, req)
		if answer.Code >= 500 && !slices.Contains(run.Calls(), "signal panic") {
			t.Errorf("%d %s", answer.Code, answer.Body)
		}
		if answer.Code < 400 {
			return
		}
		var said control.Error
		if err := json.Unmarshal(answer.Body.Bytes(), &said); err != nil || said.Code == "" || said.Message == "" {
			t.Errorf("%d %s", answer.Code, answer.Body)
		}
	})
}
