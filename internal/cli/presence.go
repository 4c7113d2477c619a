package cli

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
	"github.com/procgroup/procgroup/internal/events"
	"github.com/procgroup/procgroup/internal/localsock"
	"github.com/procgroup/procgroup/internal/registry"
	"github.com/procgroup/procgroup/internal/server"
)

// presence is how others see a run: its entry in the user's directory, what it is served by,
// and the events that it tells. The zero value is that of a run which nobody sees.
type presence struct {
	claim  *registry.Claim // nil if the run has no entry
	server *server.Server
	served chan error
	events *events.Writer
	warn   func(error) // gets what could not be told, from any goroutine

	mu      sync.Mutex
	info    control.Info
	changed chan struct{} // closed when info changes; nil until somebody asks
	over    bool          // the run is
	unsaved bool          // the entry could not be written
	broken  bool          // the last event could not be written
}

// enter makes the entry of a run, and its id known in info.
func (p *presence) enter(name string, info control.Info) error {
	directory, err := registry.Open()
	if err != nil {
		return err
	}
	p.claim, err = directory.Claim(name)
	if err != nil {
		return err
	}
	info.ID, info.Name, info.Socket = p.claim.ID, name, p.claim.Socket
	p.info = info
	return nil
}

// serve begins to answer others.
func (p *presence) serve(run server.Run) error {
	listener, err := localsock.Listen(p.claim.Socket)
	if err != nil {
		return err
	}
	p.server, p.served = server.New(run), make(chan error, 1)
	go func() { p.served <- p.server.Serve(listener) }()
	return nil
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
	if p.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), farewellLimit)
		defer cancel()
		_ = p.server.Shutdown(ctx) // who does not listen in time is left
		errs = append(errs, <-p.served)
	}
	return errors.Join(append(errs, p.events.Close())...)
}

// describe returns what is known of a run before it begins.
func (o *runOptions) describe(args []string) control.Info {
	dir := o.cwd
	if dir == "" {
		dir, _ = os.Getwd() // it may be gone
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
