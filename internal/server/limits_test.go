package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/procgroup/procgroup/control"
	"github.com/procgroup/procgroup/internal/server"
)

// TestSlowClients sees that nobody is waited for who does not send a request to its end.
func TestSlowClients(t *testing.T) {
	server.SetReadLimit(t, 100*time.Millisecond)
	s := serve(t)
	const post = "POST /v1/kill HTTP/1.1\r\nHost: any\r\nContent-Type: application/json\r\n"
	for name, sent := range map[string]string{
		"nothing":            "",
		"half a line":        "GET /v1/r",
		"half a head":        "GET /v1/run HTTP/1.1\r\nHost: a",
		"half a body":        post + "Content-Length: 10\r\n\r\n{",
		"an endless body":    post + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
		"the body of no one": strings.Replace(post, "kill", "nothing", 1) + "Content-Length: 10\r\n\r\n{",
	} {
		conn := s.connect(t)
		if _, err := io.WriteString(conn, sent); err != nil {
			t.Fatal(err)
		}
		// Whatever is answered, it ends.
		if _, err := io.ReadAll(conn); isTimeout(err) {
			t.Errorf("%s: the connection stays", name)
		}
	}
	if calls := s.Calls(); len(calls) > 0 {
		t.Errorf("called %q", calls)
	}
}

// TestLongWait sees that the limits for a request are none for the answer.
func TestLongWait(t *testing.T) {
	server.SetReadLimit(t, 50*time.Millisecond)
	s := serve(t)
	for _, body := range []string{"", "{}"} {
		conn := s.connect(t)
		fmt.Fprintf(conn, "POST /v1/stop HTTP/1.1\r\nHost: any\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		if err := conn.SetReadDeadline(time.Now().Add(250 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(make([]byte, 1)); n != 0 || !isTimeout(err) {
			t.Errorf("read %d bytes, %v, before the run was over", n, err)
		}
	}
	s.End()
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func TestLongHead(t *testing.T) {
	s := serve(t)
	conn := s.connect(t)
	go func() { // it may be refused while it writes
		_, _ = io.WriteString(conn, "GET /v1/run HTTP/1.1\r\nHost: any\r\nX: "+strings.Repeat("x", 1<<20)+"\r\n\r\n")
	}()
	status, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.Contains(status, " 431 ") {
		t.Errorf("answer is %q", status)
	}
}

func TestTooManyConnections(t *testing.T) {
	s := serve(t)
	const many = 128
	for range many {
		conn := s.connect(t)
		fmt.Fprintf(conn, "GET /v1/wait HTTP/1.1\r\nHost: any\r\n\r\n")
	}
	if !s.AwaitCalls(many) {
		t.Fatalf("%d of %d wait", len(s.Calls()), many)
	}
	response, text := s.ask(t, "GET", "/v1/run", "", "")
	if response.StatusCode != 503 || !strings.Contains(text, "too many connections") {
		t.Errorf("%s %s", response.Status, text)
	}
	var silent []net.Conn
	for range many + 1 {
		silent = append(silent, s.connect(t))
	}
	if err := silent[many].SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := silent[many].Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("connection %d stays: %v", 2*many+1, err)
	}
	s.End()
}

func TestShutdown(t *testing.T) {
	s := serve(t)
	s.Lines = []control.LogLine{{Stream: control.Stdout, Text: "first"}}
	s.connect(t) // says nothing
	var asking sync.WaitGroup
	answers := make(map[string]string)
	var mu sync.Mutex
	for _, path := range []string{"wait", "wait?until=empty", "logs?follow=true"} {
		asking.Go(func() {
			response, err := s.client.Get("http://any/v1/" + path)
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			answers[path] = string(text)
		})
	}
	if !s.AwaitCalls(3) {
		t.Fatalf("called %q", s.Calls())
	}
	s.End()
	begun := time.Now()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	asking.Wait()
	for path, want := range map[string]string{"wait": `"state":"exited"`, "wait?until=empty": `"state":"exited"`, "logs?follow=true": "the end\n"} {
		if !strings.Contains(answers[path], want) {
			t.Errorf("%s was answered %q", path, answers[path])
		}
	}
	if _, err := s.client.Get("http://any/v1/run"); err == nil {
		t.Error("it is served still")
	}
}

// TestShutdownBounded shuts down while somebody waits for a run that does not end.
func TestShutdownBounded(t *testing.T) {
	s := serve(t)
	done := make(chan error, 1)
	go func() {
		response, err := s.client.Get("http://any/v1/wait")
		if err == nil {
			response.Body.Close()
		}
		done <- err
	}()
	if !s.Await("wait exit") {
		t.Fatal("nobody waits")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-done; err == nil || isTimeout(err) {
		t.Errorf("who waited got %v", err)
	}
	if !s.Await("gone") {
		t.Error("the wait goes on")
	}
}

// TestShutdownFirst shuts down before anything is served.
func TestShutdownFirst(t *testing.T) {
	s := server.New(nil)
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Skip(err)
	}
	if err := s.Serve(listener); err != nil {
		t.Error(err)
	}
	if _, err := listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is open: %v", err)
	}
}
