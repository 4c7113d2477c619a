//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/procgroup/procgroup/internal/helper"
)

// guardian is a helper that ends the groups of this process, its owner, when that dies. It
// learns of the death by the end of file on the socket that it gets its orders from, which
// the kernel sees to, whatever the owner died of.
//
// It is told of everything that has to be ended before that comes into being, and again
// when it is gone. What was told stays here as well, so that another guardian can be told
// when somebody has killed this one.
type guardian struct {
	mu      sync.Mutex
	users   int // groups that want it
	process *os.Process
	conn    *helper.Conn // nil while there is none
	err     error        // why there is none
	idle    *time.Timer  // ends one that nobody wants
	charges map[uint64]charge
	lastID  uint64
	replies map[uint64]chan<- reply

	listening sync.WaitGroup
}

// theGuardian is the one of this process.
var theGuardian guardian

const (
	// guardianLinger is how long a guardian is kept for the next group.
	guardianLinger = time.Second

	// guardianRetry is the time between attempts to replace one that was killed.
	guardianRetry = 50 * time.Millisecond
)

// order is what the guardian is told.
type order struct {
	Op   orderOp
	ID   uint64          // of what is held, or of the question
	Body json.RawMessage `json:",omitempty"`
}

type orderOp string

// What is held is told by an operation of its own, of which the name is the kind.
const orderDrop orderOp = "drop" // it is gone

// charge is something that the guardian holds for the owner.
type charge struct {
	order
	file int // a descriptor that goes with it; -1 if there is none
}

// reply is what the guardian says to an order that is a question.
type reply struct {
	ID    uint64
	PID   int
	Start uint64
	Errno int // 0 if it could be done
}

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
	if g.users == 0 && g.conn != nil {
		g.conn.Close()
		g.conn = nil
		g.closeReplies()
		g.stopIdle()
	}
}

// closeReplies tells those who have asked something that there is no answer. The caller
// holds mu.
func (g *guardian) closeReplies() {
	for id, answer := range g.replies {
		close(answer)
		delete(g.replies, id)
	}
}

// isThere reports whether there is a guardian that will do its work.
func (g *guardian) isThere() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.conn != nil && g.conn.PeerIsThere()
}

// start starts a guardian and tells it of everything there is. The caller holds mu.
func (g *guardian) start() error {
	ours, theirs, err := helper.NewPair()
	if err != nil {
		return err
	}
	process, err := helper.Start(helper.Guardian, theirs, os.Getpid(), helper.Program())
	if err != nil {
		ours.Close()
		return err
	}
	for _, c := range g.charges {
		err = errors.Join(err, send(ours, c))
	}
	if err == nil {
		err = ours.AwaitHello()
	}
	if err != nil {
		ours.Close()
		_ = process.Kill()
		_, _ = process.Wait()
		return err
	}
	g.process, g.conn = process, ours
	g.listening.Go(func() { g.listen(process, ours) })
	return nil
}

// listen hears what a guardian says, until it has ended. Then another one takes its place,
// if anybody needs one.
func (g *guardian) listen(process *os.Process, conn *helper.Conn) {
	for {
		message, files, err := conn.Receive()
		helper.CloseFiles(files)
		if err != nil {
			break
		}
		var r reply
		if json.Unmarshal(message, &r) == nil {
			g.answer(r)
		}
	}
	g.mu.Lock()
	if g.conn == conn { // it was killed, else we have closed it
		conn.Close()
		g.conn = nil
		g.closeReplies()
		g.replace()
	}
	g.mu.Unlock()
	_, _ = process.Wait()
}

// replace starts another guardian in place of one that was killed. The caller holds mu.
func (g *guardian) replace() {
	if g.conn != nil || g.users == 0 && len(g.charges) == 0 {
		return
	}
	if g.err = g.start(); g.err != nil {
		time.AfterFunc(guardianRetry, func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.replace()
		})
	}
}

// hold tells the guardian of something that it has to end when the owner dies, and returns
// the number by which drop tells that it is gone. A file of more than 0 goes with it, and
// remains open until then.
func (g *guardian) hold(kind orderOp, body any, file int) (id uint64) {
	if !initialized.Load() {
		return 0
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // a type of ours
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lastID++
	c := charge{order{kind, g.lastID, text}, file}
	if g.charges == nil {
		g.charges = make(map[uint64]charge)
	}
	g.charges[c.ID] = c
	g.tell(c)
	return c.ID
}

// drop tells the guardian that what it held is gone.
func (g *guardian) drop(id uint64) {
	if id == 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.charges, id)
	g.tell(charge{order{Op: orderDrop, ID: id}, -1})
}

// tell sends something to the guardian. If it is not there any more, listen notices, and
// tells the next one. The caller holds mu.
func (g *guardian) tell(c charge) {
	if g.conn != nil {
		_ = send(g.conn, c)
	}
}

func send(conn *helper.Conn, c charge) error {
	text, err := json.Marshal(c.order)
	if err != nil {
		return err
	}
	if c.file < 0 {
		return conn.Send(text)
	}
	return conn.Send(text, c.file)
}

// ask sends an order that is a question. The channel gets the answer, or is closed if the
// guardian has ended.
func (g *guardian) ask(op orderOp, body any, file int) (<-chan reply, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.conn == nil {
		return nil, fmt.Errorf("there is no guardian: %w", g.err)
	}
	g.lastID++
	answer := make(chan reply, 1)
	if g.replies == nil {
		g.replies = make(map[uint64]chan<- reply)
	}
	g.replies[g.lastID] = answer
	if err := send(g.conn, charge{order{op, g.lastID, text}, file}); err != nil {
		delete(g.replies, g.lastID)
		return nil, err
	}
	return answer, nil
}

func (g *guardian) answer(r reply) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if answer, ok := g.replies[r.ID]; ok {
		answer <- r
		delete(g.replies, r.ID)
	}
}
