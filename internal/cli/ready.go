package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// readiness is what a command has to do to be ready: all of what is set.
type readiness struct {
	output  *regexp.Regexp // a line of its output, of standard output or error, matches
	address string         // it accepts connections there; without a host, on this machine
	file    string         // it has made the file, or made it anew
}

func (o readiness) wanted() bool { return o.output != nil || o.address != "" || o.file != "" }

// regexpValue is a regular expression.
func regexpValue(re **regexp.Regexp) *value {
	return &value{kind: "regexp", read: func(text string) (err error) {
		*re, err = regexp.Compile(text)
		return err
	}}
}

// addressValue is a port of this machine, or HOST:PORT.
func addressValue(address *string) *value {
	return &value{kind: "address", read: func(text string) error {
		host, port := "", text
		if h, p, err := net.SplitHostPort(text); err == nil {
			host, port = h, p
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errors.New("has to be a port, 1 to 65535, or HOST:PORT")
		}
		*address = net.JoinHostPort(host, port)
		return nil
	}}
}

// readyWatch finds out when a command is ready.
type readyWatch struct {
	readiness
	done    chan struct{} // closed when it is
	cancel  context.CancelFunc
	old     os.FileInfo   // the file as it was before the start
	matched chan struct{} // closed by match when the output has matched; nil if it need not
	match   func()
}

// prepare looks at how things are before the command is started, in the directory dir. If somebody
// else has the port already, it would be taken for the command's.
func (o readiness) prepare(dir string) (*readyWatch, error) {
	if o.file != "" && !filepath.IsAbs(o.file) {
		o.file = filepath.Join(dir, o.file)
	}
	w := &readyWatch{readiness: o, done: make(chan struct{})}
	if o.output != nil {
		w.matched = make(chan struct{})
		w.match = sync.OnceFunc(func() { close(w.matched) })
	}
	if o.address != "" && accepts(context.Background(), o.address) {
		return nil, fmt.Errorf("--ready-port: somebody accepts connections on port %s already", strings.TrimPrefix(o.address, ":"))
	}
	if o.file != "" {
		w.old, _ = os.Stat(w.file) // nil if it is not there
	}
	return w, nil
}

// begin watches the command, which was just started.
func (w *readyWatch) begin() {
	var ctx context.Context
	ctx, w.cancel = context.WithCancel(context.Background())
	go func() {
		if w.await(ctx) == nil {
			close(w.done)
		}
	}()
}

// rings returns the channel that is closed when the command is ready; nil for a nil watch.
func (w *readyWatch) rings() <-chan struct{} {
	if w == nil {
		return nil
	}
	return w.done
}

// stop ends the watch.
func (w *readyWatch) stop() {
	if w != nil && w.cancel != nil {
		w.cancel()
	}
}

// await waits for everything that is set.
func (w *readyWatch) await(ctx context.Context) error {
	if w.matched != nil {
		select {
		case <-w.matched:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if w.address != "" {
		if err := poll(ctx, func() bool { return accepts(ctx, w.address) }); err != nil {
			return err
		}
	}
	if w.file != "" {
		return poll(ctx, w.fileIsThere)
	}
	return ctx.Err()
}

// pollEvery is how often it is looked for what nobody tells of.
const pollEvery = 25 * time.Millisecond

func poll(ctx context.Context, found func() bool) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !found() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ctx.Err()
}

// accepts reports whether somebody accepts connections.
func accepts(ctx context.Context, address string) bool {
	host, port, _ := net.SplitHostPort(address) // addressValue has put it together
	hosts := []string{host}
	if host == "" {
		hosts = []string{"127.0.0.1", "::1"}
	}
	dialer := net.Dialer{Timeout: time.Second}
	return slices.ContainsFunc(hosts, func(host string) bool {
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
}

// fileIsThere reports whether the file is another than before the start, or was written since.
func (w *readyWatch) fileIsThere() bool {
	now, err := os.Stat(w.file)
	if err != nil {
		return false
	}
	return w.old == nil || !os.SameFile(w.old, now) || !w.old.ModTime().Equal(now.ModTime())
}

// longestLine bounds what is kept of a line that does not end.
const longestLine = 64 << 10

// viewer returns a function that looks for the line in a stream, piece by piece. A line need not
// have ended to match.
func (w *readyWatch) viewer() func(piece []byte) {
	if w.matched == nil {
		return func([]byte) {}
	}
	var line []byte
	return func(piece []byte) {
		for len(piece) > 0 {
			head, rest, ended := bytes.Cut(piece, []byte("\n"))
			line = append(line, head...)
			if w.output.Match(bytes.TrimSuffix(line, []byte("\r"))) {
				w.match()
			}
			if ended || len(line) > longestLine {
				line = line[:0]
			}
			piece = rest
		}
	}
}
