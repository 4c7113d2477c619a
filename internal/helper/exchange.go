//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package helper

import (
	"encoding/json"
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Exchange is a connection over which questions are put, from many goroutines at once, and
// answered in any order. The answers are of type A, in JSON.
//
// There is no goroutine that listens. Who waits for an answer waits in a system call, and
// takes in what comes for others, too.
type Exchange[A any] struct {
	conn *Conn
	id   func(A) uint64 // of the question; 0 for what nobody has asked
	news func(A)        // what nobody has asked

	mu      sync.Mutex
	changed *sync.Cond // told when listening has ended
	listens bool       // somebody waits in a system call
	lastID  uint64
	answers map[uint64]A // that nobody has taken yet
	err     error        // why nothing more will come
}

// NewExchange returns an exchange over a connection. id tells which question an answer is
// for; those for which it returns 0 go to news, which must not use the exchange.
func NewExchange[A any](conn *Conn, id func(A) uint64, news func(A)) *Exchange[A] {
	e := &Exchange[A]{conn: conn, id: id, news: news, answers: make(map[uint64]A)}
	e.changed = sync.NewCond(&e.mu)
	return e
}

// NextID returns the number for a question.
func (e *Exchange[A]) NextID() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lastID++
	return e.lastID
}

// Await returns the answer to a question. When the other end is closed, the error is io.EOF.
func (e *Exchange[A]) Await(id uint64) (A, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for {
		if !e.listens {
			e.takeIn()
		}
		answer, ok := e.answers[id]
		switch {
		case ok:
			delete(e.answers, id)
			return answer, nil
		case e.err != nil:
			return answer, e.err
		case e.listens:
			e.changed.Wait()
		default:
			e.listen()
		}
	}
}

// CatchUp takes in what has been said until now, and tells why nothing more will come, if
// that is so.
func (e *Exchange[A]) CatchUp() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.listens && !errors.Is(e.conn.Await(0), os.ErrDeadlineExceeded) {
		e.changed.Wait() // who listens has heard it, too
	}
	if !e.listens {
		e.takeIn()
	}
	return e.err
}

// listen waits until something has come, and takes it in. The caller holds mu.
func (e *Exchange[A]) listen() {
	e.listens = true
	e.mu.Unlock()
	err := e.conn.Await(-1)
	e.mu.Lock()
	e.listens = false
	e.takeIn()
	if e.err == nil {
		e.err = err
	}
	e.changed.Broadcast()
}

// takeIn receives what there is. The caller holds mu, and nobody listens.
func (e *Exchange[A]) takeIn() {
	for e.err == nil {
		message, files, err := e.conn.TryReceive()
		CloseFiles(files)
		if errors.Is(err, unix.EAGAIN) {
			return
		}
		var answer A
		if err == nil {
			err = json.Unmarshal(message, &answer)
		}
		if err != nil {
			e.err = err
			return
		}
		if id := e.id(answer); id != 0 {
			e.answers[id] = answer
		} else {
			e.news(answer)
		}
	}
}
