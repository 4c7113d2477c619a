package control_test

import (
	"bufio"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
	"github.com/procgroup/procgroup/internal/runlog"
)

// read returns the texts of a log, and its error.
func read(lines iter.Seq2[control.LogLine, error]) (texts []string, err error) {
	for line, err := range lines {
		if err != nil {
			return texts, err
		}
		texts = append(texts, line.Text)
	}
	return texts, nil
}

func TestLogs(t *testing.T) {
	l := serve(t, own(t), control.Info{Name: "web"})
	at := time.Date(2026, 11, 22, 20, 0, 0, 123456789, time.UTC)
	l.Lines = []control.LogLine{
		{Time: at, Stream: control.Stdout, Text: "hello  world"},
		{Time: at, Stream: control.Stderr, Text: strings.Repeat("long\xff\x00\r", 2000), Partial: true},
		{Time: at, Stream: control.Procgroup, Text: ""},
	}
	r := find(t, "web")
	var got []control.LogLine
	for line, err := range r.Logs(t.Context(), control.LogOptions{Tail: procgroup.Optional[int]{V: 0, Valid: true}, Since: at}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, line)
	}
	if !slices.Equal(got, l.Lines) {
		t.Errorf("%+v, want %+v", got, l.Lines)
	}
	if want := []string{"logs 0 2026-11-22T20:00:00.123456789Z false"}; !slices.Equal(l.Calls(), want) {
		t.Errorf("called %q, want %q", l.Calls(), want)
	}
}

// TestLogsStopped leaves a log that is followed.
func TestLogsStopped(t *testing.T) {
	l := serve(t, own(t), control.Info{Name: "web"})
	l.Lines = []control.LogLine{{Stream: control.Stdout, Text: "first"}}
	for line, err := range find(t, "web").Logs(t.Context(), control.LogOptions{Follow: true}) {
		if err != nil || line.Text != "first" {
			t.Errorf("%+v, %v", line, err)
		}
		break
	}
	if !l.Await("gone") {
		t.Error("the log goes on")
	}
}

// TestLogsKept reads the log of a run that is over.
func TestLogsKept(t *testing.T) {
	l := serve(t, own(t), control.Info{Name: "web", Log: "log"})
	log, err := runlog.Create(l.info.Log, runlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(log.Stream(control.Stdout), "one\ntwo\n")
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	r := find(t, "web")
	l.end(t)
	l.shutdown()
	for _, r := range []*control.Run{r, find(t, "web")} {
		for _, follow := range []bool{false, true} {
			texts, err := read(r.Logs(t.Context(), control.LogOptions{Follow: follow}))
			if err != nil || !slices.Equal(texts, []string{"one", "two"}) {
				t.Errorf("%q, %v", texts, err)
			}
		}
		for line, err := range r.Logs(t.Context(), control.LogOptions{}) {
			if err != nil || line.Text != "one" {
				t.Errorf("%+v, %v", line, err)
			}
			break
		}
	}
}

// TestLogsGarbage reads logs that are none, or not whole.
func TestLogsGarbage(t *testing.T) {
	const line = "2026-11-22T20:00:00Z stdout F first\n"
	for name, body := range map[string]string{
		"no line":       "hello\n",
		"half a line":   line[:len(line)-1],
		"cut off":       line,
		"too long":      line[:len(line)-1] + strings.Repeat("x", 2<<20) + "\n",
		"other streams": strings.Replace(line, "stdout", "stdin", 1),
	} {
		c, _ := claim(t, own(t), control.Info{Name: "web"})
		answerWith(t, c.Socket, func(conn net.Conn) {
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
				return
			}
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(body), body)
			if name != "cut off" {
				fmt.Fprint(conn, "0\r\n\r\n")
			}
		})
		_, err := read(find(t, "web").Logs(t.Context(), control.LogOptions{}))
		if err == nil || errors.Is(err, control.ErrEnded) {
			t.Errorf("%s: %v", name, err)
		}
		t.Logf("%s: %v", name, err)
	}
}
