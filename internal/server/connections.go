package server

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// maxConnections is how many connections are served at once. As many more are told that there are
// too many; the rest is closed without a word.
const maxConnections = 128

// connections are those that a server has. The zero value is that of none.
type connections struct {
	mu      sync.Mutex
	open    map[net.Conn]http.ConnState
	closing bool // no request is waited for any more
}

// note takes down what a connection is about; it is a [http.Server].ConnState.
func (c *connections) note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = make(map[net.Conn]http.ConnState)
	}
	if state == http.StateClosed || state == http.StateHijacked {
		delete(c.open, conn)
		return
	}
	c.open[conn] = state
	if state == http.StateNew && (c.closing || len(c.open) > 2*maxConnections) {
		conn.Close()
	}
}

// closeNew closes the connections on which nothing was asked yet, for which
// [http.Server.Shutdown] would wait for seconds.
func (c *connections) closeNew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	for conn, state := range c.open {
		if state == http.StateNew {
			conn.Close()
		}
	}
}

// excess is the key under which the context of a connection says that there are too many.
type excess struct{}

// mark marks a connection that is one too many; it is a [http.Server].ConnContext, which is called
// before the connection is noted.
func (c *connections) mark(ctx context.Context, _ net.Conn) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) >= maxConnections {
		return context.WithValue(ctx, excess{}, true)
	}
	return ctx
}
