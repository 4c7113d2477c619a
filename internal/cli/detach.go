package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/procgroup/procgroup/control"
	"github.com/procgroup/procgroup/internal/runlog"
)

// A detached run is this program again, in a session of its own. Who has started it, its
// parent, waits for its notes: JSON on its standard output, until the command is ready, or the
// run is over.

// daemonFlag is the flag that makes a run the detached one. Nobody types it.
const daemonFlag = "detached-run"

// note is what a detached run tells its parent.
type note struct {
	ID     string `json:"id,omitempty"`
	Socket string `json:"socket,omitempty"`
	Ready  bool   `json:"ready,omitempty"`  // as far as is waited for
	Over   bool   `json:"over,omitempty"`   // the run is
	Status int    `json:"status,omitempty"` // its exit status
	Error  string `json:"error,omitempty"`  // why it has failed, if the command did not run
	Output []byte `json:"output,omitempty"` // the last lines of the command
}

// parent is who waits for notes; nil if nobody does.
type parent struct {
	notes  *json.Encoder
	answer bool // it has got what it waits for
}

func newParent() *parent { return &parent{notes: json.NewEncoder(os.Stdout)} }

// tell sends a note. A parent that is gone does not need it.
func (p *parent) tell(n note) {
	if p != nil && !p.answer {
		p.answer = n.Ready || n.Over
		_ = p.notes.Encode(n)
	}
}

// over tells how the run has ended, with the last lines of its log.
func (p *parent) over(err error, log string) {
	if p == nil || p.answer {
		return
	}
	n := note{Over: true, Output: lastLines(log, 20)}
	var exit *exitError
	switch {
	case errors.As(err, &exit):
		n.Status, err = exit.status, exit.err
	case err != nil:
		n.Status = statusFailed
	}
	if err != nil {
		n.Error = oneLine(err)
	}
	p.tell(n)
}

// detach starts the run that the arguments of this program describe, and waits until its command
// has started, or is ready.
func (o *runOptions) detach(verb *cobra.Command) error {
	if isPID1() {
		return errors.New("--detach makes no sense for process 1, with which all others end")
	}
	d, err := startDaemon(verb.Name())
	if err != nil {
		return failed(err)
	}
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	if o.ready.wanted() {
		what := "the command"
		if o.name != "" {
			what = o.name
		}
		defer showProgress(verb.ErrOrStderr(), "waiting for "+what+" to be ready", o.readyTimeout)()
	}
	for {
		select {
		case n := <-d.notes:
			if n.ID != "" {
				d.id, d.socket = n.ID, n.Socket
			}
			switch {
			case n.Over:
				return n.failure(verb.ErrOrStderr())
			case n.Ready:
				_, err := fmt.Fprintln(verb.OutOrStdout(), d.id)
				return failed(err)
			}
		case sig := <-interrupts:
			return d.abandon(sig)
		}
	}
}

// failure returns the error for a run that was over before it was ready, and says what its
// command has said.
func (n note) failure(stderr io.Writer) error {
	if n.Error != "" {
		return &exitError{n.Status, errors.New(n.Error)}
	}
	_, _ = stderr.Write(n.Output)
	status := n.Status
	if status == 0 {
		status = statusFailed
	}
	return &exitError{status, fmt.Errorf("the command has ended before it was ready, with status %d", n.Status)}
}

// daemon is a detached run, as its parent sees it.
type daemon struct {
	id, socket string
	notes      chan note
}

func startDaemon(verb string) (*daemon, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, append([]string{verb, "--" + daemonFlag}, os.Args[2:]...)...)
	setDetached(cmd)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	d := &daemon{notes: make(chan note)}
	go d.read(stdout, stderr)
	return d, nil
}

// read passes on the notes.
func (d *daemon) read(stdout, stderr io.Reader) {
	for notes := json.NewDecoder(stdout); ; {
		var n note
		if err := notes.Decode(&n); err != nil {
			// It was killed, or has crashed.
			why, _ := io.ReadAll(io.LimitReader(stderr, 64<<10))
			text := "the run has ended without a word"
			if why := strings.TrimSpace(string(why)); why != "" {
				text += ": " + why
			}
			d.notes <- note{Over: true, Status: statusFailed, Error: text}
			return
		}
		d.notes <- n
	}
}

// abandon ends the run, which nobody waits for any more.
func (d *daemon) abandon(sig os.Signal) error {
	status := statusFailed
	if s, ok := sig.(syscall.Signal); ok {
		status = statusSignalBase + int(s)
	}
	if d.socket == "" {
		return &exitError{status: status}
	}
	run := control.Dial(d.socket)
	defer run.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := run.Kill(ctx)
	if errors.Is(err, control.ErrEnded) {
		err = nil
	}
	return &exitError{status, err}
}

// lastLines returns the last lines of a log, as they were written.
func lastLines(file string, n int) []byte {
	var text bytes.Buffer
	o := control.LogOptions{}
	o.Tail.V, o.Tail.Valid = n, true
	_ = runlog.Read(context.Background(), file, o, nil, func(l control.LogLine) error {
		text.WriteString(l.Text)
		if !l.Partial {
			text.WriteByte('\n')
		}
		return nil
	})
	return text.Bytes()
}
