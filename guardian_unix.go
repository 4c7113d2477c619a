//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import (
	"encoding/json"
	"os"
	"sync"
	"time"

	"github.com/procgroup/procgroup/internal/helper"
	"github.com/procgroup/procgroup/internal/watch"
)

// guardian is a helper that ends the groups of this process, its owner, when that dies. It
// learns of the death by the end of file on a socket, which the kernel sees to, whatever the
// owner died of, and finds what it has to end in the owner's will.
type guardian struct {
	mu      sync.Mutex
	users   int   // groups that want it
	will    *will // nil while nobody has anything to leave
	process *os.Process
	conn    *helper.Conn // nil while there is none
	unwatch func()
	err     error       // why there is none
	idle    *time.Timer // ends one that nobody wants
	said    *helper.Exchange[reply]
	count   uint64         // of guardians there have been
	waiting sync.WaitGroup // for those that were told to end
}

// theGuardian is the one of this process.
var theGuardian guardian

const (
	// guardianLinger is how long a guardian is kept for the next group.
	guardianLinger = time.Second

	// guardianRetry is the time between attempts to replace one that was killed.
	guardianRetry = 50 * time.Millisecond
)

// hire sees to it that there is a guardian until dismiss is called, or says why there is
// none. It must be dismissed in both cases.
func (g *guardian) hire() error {
	if !initialized.Load() {
		return errNoInit
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.users++
	g.stopIdle()
	if g.conn == nil {
		g.err = g.start()
	}
	return g.err
}

func (g *guardian) dismiss() {
	if !initialized.Load() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.users--
	if g.users == 0 {
		g.stopIdle()
		g.idle = time.AfterFunc(guardianLinger, g.endIfIdle)
	}
}

// stopIdle stops the timer of an idle guardian. The caller holds mu.
func (g *guardian) stopIdle() {
	if g.idle != nil {
		g.idle.Stop()
		g.idle = nil
	}
}

// endIfIdle ends a guardian that nobody wants.
func (g *guardian) endIfIdle() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.users > 0 {
		return
	}
	g.stopIdle()
	g.forget()
	if g.will != nil {
		g.will.file.Close()
		g.will = nil
	}
}

// forget lets go of the guardian, which ends. The caller holds mu.
func (g *guardian) forget() {
	if g.conn == nil {
		return
	}
	g.unwatch()
	g.conn.Close()
	g.conn = nil
	process := g.process
	g.waiting.Go(func() { _, _ = process.Wait() })
}

// isThere reports whether there is a guardian that will do its work.
func (g *guardian) isThere() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.conn != nil && g.conn.PeerIsThere()
}

// start starts a guardian. The caller holds mu.
func (g *guardian) start() error {
	if g.will == nil {
		file, err := newWillFile()
		if err != nil {
			return err
		}
		g.will = &will{file: file}
	}
	ours, theirs, err := helper.NewPair()
	if err != nil {
		return err
	}
	process, err := helper.Start(helper.Guardian, os.Getpid(), helper.Program(), theirs, g.will.file)
	theirs.Close()
	if err != nil {
		ours.Close()
		return err
	}
	if err = ours.AwaitHello(); err == nil {
		g.unwatch, err = watch.Exit(process.Pid, func() { go g.replace(ours) })
	}
	if err != nil {
		ours.Close()
		_ = process.Kill()
		_, _ = process.Wait()
		return err
	}
	g.process, g.conn = process, ours
	g.count++
	g.said = helper.NewExchange(ours, func(r reply) uint64 { return r.ID }, func(reply) {})
	return nil
}

// replace starts another guardian in place of one that was killed.
func (g *guardian) replace(killed *helper.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.conn != killed {
		return // it was forgotten
	}
	g.forget()
	if g.users == 0 {
		return
	}
	if g.err = g.start(); g.err != nil {
		time.AfterFunc(guardianRetry, func() { g.replace(nil) })
	}
}

// hold writes down what has to be ended when the owner dies, before it comes into being,
// and returns the number by which drop tells that it is gone.
func (g *guardian) hold(kind bequestKind, body any) (number int, err error) {
	w := g.currentWill()
	if w == nil {
		return 0, nil // without a guardian
	}
	slot, err := w.add(kind, body)
	return slot + 1, err
}

// change writes down something else in the place of what was held.
func (g *guardian) change(number int, kind bequestKind, body any) error {
	if w := g.currentWill(); w != nil && number > 0 {
		return w.set(number-1, kind, body)
	}
	return nil
}

// drop strikes out what was held.
func (g *guardian) drop(number int) {
	if w := g.currentWill(); w != nil && number > 0 {
		w.remove(number - 1)
	}
}

func (g *guardian) currentWill() *will {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.will
}

// question is what the guardian is asked.
type question struct {
	Op   questionOp
	ID   uint64
	Body json.RawMessage `json:",omitempty"`
}

type questionOp string

// reply is what it says to that.
type reply struct {
	ID    uint64
	PID   int
	Errno int // 0 if it could be done
}
