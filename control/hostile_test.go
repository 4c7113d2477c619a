package control_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/procgroup/procgroup/control"
)

// TestSilent asks a run that does not answer.
func TestSilent(t *testing.T) {
	control.SetSilence(t, 100*time.Millisecond)
	c, _ := claim(t, own(t), control.Info{Name: "web"})
	answerWith(t, c.Socket, silent)
	r := find(t, "web")
	for name, request := range requests {
		if slices.Contains(long, name) {
			continue
		}
		begun := time.Now()
		if err := request(t.Context(), r); !errors.Is(err, control.ErrSilent) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("%s: it took %v", name, took)
		}
	}
}

// TestSlow gives an order that takes longer than a run may be silent, which does answer questions.
func TestSlow(t *testing.T) {
	control.SetSilence(t, 50*time.Millisecond)
	l := serve(t, own(t), control.Info{Name: "web"})
	l.Hang = true
	r := find(t, "web")
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := r.Pause(ctx); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, control.ErrSilent) {
		t.Errorf("%v", err)
	}
	if !l.Await("pause undone") {
		t.Error("the pause goes on")
	}
}

// TestCanceled ends the context of each request.
func TestCanceled(t *testing.T) {
	c, _ := claim(t, own(t), control.Info{Name: "web"})
	asked := make(chan struct{})
	answerWith(t, c.Socket, func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			asked <- struct{}{}
		}
		silent(conn)
	})
	r := find(t, "web")
	why := errors.New("no more")
	for name, request := range requests {
		ctx, cancel := context.WithCancelCause(t.Context())
		answer := make(chan error, 1)
		go func() { answer <- request(ctx, r) }()
		<-asked
		cancel(why)
		if err := <-answer; !errors.Is(err, why) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGarbage asks one that answers anything else.
func TestGarbage(t *testing.T) {
	control.SetSilence(t, 200*time.Millisecond)
	const ok = "HTTP/1.1 200 OK\r\n"
	many := strings.Repeat("x", 1<<10)
	endless := func(head, more string) func(io.Writer) {
		return func(w io.Writer) {
			_, err := io.WriteString(w, head)
			for n := 0; err == nil && n < 64<<20; n += len(more) {
				_, err = io.WriteString(w, more)
			}
		}
	}
	just := func(text string) func(io.Writer) {
		return func(w io.Writer) { _, _ = io.WriteString(w, text) }
	}
	for name, answer := range map[string]func(io.Writer){
		"nothing":       just(""),
		"text":          just("220 mail.example ESMTP\r\n"),
		"half a head":   just(ok + "Content-Le"),
		"no JSON":       just(ok + "Content-Length: 5\r\n\r\nhello"),
		"an array":      just(ok + "Content-Length: 2\r\n\r\n[]"),
		"half a body":   just(ok + "Content-Length: 50\r\n\r\n{"),
		"a redirection": just("HTTP/1.1 302 Found\r\nLocation: http://procgroup/v1/stats\r\nContent-Length: 0\r\n\r\n"),
		"another error": just("HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}"),
		"endless head":  endless(ok, "X: "+many+"\r\n"),
		"endless line":  endless(ok+"X: ", many),
		"much advice":   endless("", "HTTP/1.1 103 Early Hints\r\nX: "+many+"\r\n\r\n"),
		"endless body":  endless(ok+"Content-Length: 1000000000\r\n\r\n\"", many),
		"endless error": endless("HTTP/1.1 500 No\r\nContent-Length: 1000000000\r\n\r\n", many),
	} {
		if testing.Short() && strings.HasPrefix(name, "endless") {
			continue // under Wine so many bytes take half a minute
		}
		c, _ := claim(t, own(t), control.Info{Name: "web"})
		answerWith(t, c.Socket, func(conn net.Conn) {
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				answer(conn)
			}
		})
		r := find(t, "web")
		for _, request := range []string{"processes", "wait", "logs"} {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			err := requests[request](ctx, r)
			if err == nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, control.ErrEnded) {
				t.Errorf("%s, %s: %v", name, request, err)
			}
			if strings.HasPrefix(name, "endless") && request != "logs" && !isAbout(err, "longer", "exceeded") {
				t.Errorf("%s, %s: %v", name, request, err)
			}
			cancel()
		}
	}
}

// isAbout reports whether an error has one of the words in it.
func isAbout(err error, words ...string) bool {
	return err != nil && slices.ContainsFunc(words, func(word string) bool { return strings.Contains(err.Error(), word) })
}

// TestUnknownFields takes an answer of a later version.
func TestUnknownFields(t *testing.T) {
	c, info := claim(t, own(t), control.Info{Name: "web"})
	answerWith(t, c.Socket, func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			body := fmt.Sprintf(`{"id":%q,"state":"dreaming","mood":{}}`, info.ID)
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
	})
	if info, err := find(t, "web").Info(t.Context()); err != nil || info.State != "dreaming" || !info.State.Live() {
		t.Errorf("%+v, %v", info, err)
	}
}
