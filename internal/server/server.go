// Package server serves a run over HTTP and JSON; docs/protocol.md describes the protocol.
package server

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// readLimit bounds the time in which a request has to come, head and body each. Tests shorten it.
var readLimit = 5 * time.Second

const (
	// writeLimit bounds the time in which an answer has to be taken, except for that of a log.
	writeLimit = 10 * time.Second
	// idleLimit is how long a connection is kept on which nothing is asked.
	idleLimit = 30 * time.Second

	maxHead = 16 << 10
	maxBody = 64 << 10
)

// Server serves a run.
type Server struct {
	run         Run
	http        http.Server
	connections connections
}

// New returns a server for a run. It serves nothing yet.
func New(run Run) *Server {
	s := &Server{run: run}
	s.http = http.Server{
		Handler:                      s,
		DisableGeneralOptionsHandler: true, // its answers are not ours
		ReadHeaderTimeout:            readLimit,
		IdleTimeout:                  idleLimit,
		MaxHeaderBytes:               maxHead,
		ConnState:                    s.connections.note,
		ConnContext:                  s.connections.mark,
		ErrorLog:                     log.New(io.Discard, "", 0),
	}
	return s
}

// Serve serves those who connect to l, until Shutdown, after which it returns nil. It closes l.
func (s *Server) Serve(l net.Listener) error {
	err := s.http.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Shutdown lets nobody connect any more and returns when all requests have been answered. It is for
// the end of the run, which ends the waits and the logs. When ctx ends first, the
// connections that are left are cut off, and the error is that of the context.
func (s *Server) Shutdown(ctx context.Context) error {
	s.connections.closeNew()
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close() // it would say that the listener is closed
	}
	return err
}
