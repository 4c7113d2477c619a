package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
	"github.com/procgroup/procgroup/internal/events"
	"github.com/procgroup/procgroup/internal/localsock"
	"github.com/procgroup/procgroup/internal/registry"
	"github.com/procgroup/procgroup/internal/runlog"
	"github.com/procgroup/procgroup/internal/server"
)

// presence is how others see a run: its entry in the user's directory, what it is served by,
// and the events that it tells. The zero value is that of a run which nobody sees.
type presence struct {
	claim    *registry.Claim // nil if the run has no entry
	listener net.Listener    // nil as well then
	server   *server.Server  // nil before serve
	served   chan error
	events   *events.Writer
	warn     func(error) // gets what could not be told, from any goroutine

	mu      sync.Mutex
	info    control.Info
	changed chan struct{} // closed when info changes; nil until somebody asks
	over    bool          // the run is
	unsaved bool          // the entry could not be written
	broken  bool          // the last event could not be written
}

// enter makes the entry of a run, and the socket. Who connects waits for serve.
func (p *presence) enter(name string) error {
	directory, err := registry.Open()
	if err != nil {
		return err
	}
	claim, err := directory.Claim(name)
	if err != nil {
		return errors.Join(err, directory.Close())
	}
	p.listener, err = localsock.Listen(claim.Socket)
	if err != nil {
		return errors.Join(err, claim.Drop())
	}
	p.claim = claim
	p.info.ID, p.info.Name, p.info.Socket = claim.ID, name, claim.Socket
	return nil
}

// serve begins to answer others.
func (p *presence) serve(run server.Run) {
	p.server, p.served = server.New(run), make(chan error, 1)
	go func() { p.served <- p.server.Serve(p.listener) }()
}

// get returns what is known now, and what is closed when that changes.
func (p *presence) get() (info control.Info, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.info, p.changed
}

// update changes what is known.
func (p *presence) update(change func(*control.Info)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.info)
	if p.claim != nil && !p.over {
		if err := p.claim.Save(p.encoded()); err != nil && !p.unsaved {
			p.unsaved = true // to say it once is enough
			p.report(err)
		}
	}
	p.tellWaiters()
}

// tellWaiters wakes who waits for a change. The caller holds mu.
func (p *presence) tellWaiters() {
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// encoded returns what is known as JSON. The caller holds mu.
func (p *presence) encoded() json.RawMessage {
	text, err := json.Marshal(p.info)
	if err != nil {
		panic(err) // it has nothing that could not be encoded
	}
	return text
}

// tell writes an event, and says once if that does not work.
func (p *presence) tell(e events.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.ID, e.Name = p.info.ID, p.info.Name
	err := p.events.Write(e)
	if err != nil && !p.broken {
		p.report(err)
	}
	p.broken = err != nil
}

// report passes on an error that does not end the run.
func (p *presence) report(err error) {
	if err != nil && p.warn != nil {
		p.warn(err)
	}
}

// farewellLimit bounds the time in which those are answered who wait for the end of a run.
const farewellLimit = 2 * time.Second

// leave ends what others see of the run. If keep is set, its entry stays, as that of a run which is
// over. The entry comes first: who hears of the end can use the name again.
func (p *presence) leave(keep bool) error {
	p.mu.Lock()
	p.over = true
	p.info.State, p.info.Ended, p.info.Leader = control.Exited, time.Now(), 0
	var errs []error
	switch {
	case p.claim == nil:
	case keep:
		errs = append(errs, p.claim.End(p.encoded()))
	default:
		errs = append(errs, p.claim.Drop())
	}
	p.tellWaiters()
	p.mu.Unlock()
	switch {
	case p.listener == nil:
	case p.server == nil:
		errs = append(errs, p.listener.Close())
	default:
		ctx, cancel := context.WithTimeout(context.Background(), farewellLimit)
		defer cancel()
		_ = p.server.Shutdown(ctx) // who does not listen in time is left
		errs = append(errs, <-p.served)
	}
	return errors.Join(append(errs, p.events.Close())...)
}

// describe returns what is known of a run before it begins.
func (o *runOptions) describe(args []string) control.Info {
	dir, err := filepath.Abs(o.cwd)
	if err != nil { // our own is gone
		dir = o.cwd
	}
	info := control.Info{
		State:    control.Starting,
		Command:  args,
		Dir:      dir,
		Detached: o.daemon,
		Owner:    os.Getpid(),
		Created:  time.Now(),
		Restart:  o.restart.String(),
	}
	if o.ready.wanted() {
		info.Ready = procgroup.Optional[bool]{Valid: true}
	}
	return info
}

// appear makes the run visible to others. A run that nobody has given a name does without, where
// that cannot be.
func (r *runner) appear() error {
	r.presence = &presence{info: r.describe(r.command.Args), warn: func(err error) { complain(r.stderr, err) }}
	switch err := r.presence.enter(r.name); {
	case err == nil:
		r.presence.claimCgroups()
	case r.name != "" || r.daemon:
		return failed(err)
	default:
		r.tell("others cannot see this run: %s", oneLine(err))
	}
	if err := r.openLog(); err != nil {
		return failed(errors.Join(err, r.presence.leave(false)))
	}
	if r.events != "" {
		var err error
		if r.presence.events, err = events.Open(r.events); err != nil {
			return failed(errors.Join(fmt.Errorf("--events: %w", err), r.disappear()))
		}
	}
	if r.presence.claim != nil {
		r.presence.serve(remote{r})
	}
	info, _ := r.presence.get()
	r.parent.tell(note{ID: info.ID, Socket: info.Socket})
	return nil
}

// openLog opens what the output is kept in: for a detached run, and for one that was told where.
func (r *runner) openLog() (err error) {
	r.logFile = r.logTo
	switch {
	case r.logFile != "":
		if r.logFile, err = filepath.Abs(r.logFile); err != nil {
			return fmt.Errorf("--log: %w", err)
		}
	case r.daemon:
		r.logFile = filepath.Join(r.presence.claim.Dir, "log")
	default:
		return nil
	}
	r.log, err = runlog.Create(r.logFile, runlog.Options{MaxSize: r.logSize})
	if err != nil {
		return fmt.Errorf("--log: %w", err)
	}
	r.presence.update(func(i *control.Info) { i.Log = r.logFile })
	if r.daemon {
		r.stderr = r.log.Stream(control.Procgroup)
	}
	return nil
}

// disappear ends what others see of the run.
func (r *runner) disappear() error {
	close(r.ended)
	if r.exit != nil {
		status := r.status()
		r.presence.tell(events.Event{Event: events.Stopped, Status: &status, Signal: r.exit.Signal, Reason: r.exit.Reason})
	}
	var err error
	if r.log != nil {
		err = r.log.Close()
	}
	return failed(errors.Join(err, r.presence.leave(r.daemon && r.exit != nil)))
}
