//go:build linux || dragonfly || freebsd

package procgroup

import (
	"encoding/json"
	"errors"
	"fmt"
	"syscall"
	"time"
)

var errGuardianGone = errors.New("the guardian was killed")

// consultRounds is how often a question is put to the guardian, or to the next one if
// somebody kills it.
const consultRounds = 20

// consult asks the guardian something. A descriptor goes with the question, unless it is -1.
func (g *guardian) consult(op questionOp, body any, file int) (reply, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return reply{}, err
	}
	for range consultRounds {
		var r reply
		r, err = g.ask(op, text, file)
		if err == nil && r.Errno != 0 {
			return r, syscall.Errno(r.Errno)
		}
		if err == nil {
			return r, nil
		}
		time.Sleep(guardianRetry)
	}
	return reply{}, err
}

// ask puts a question, and waits for the answer.
func (g *guardian) ask(op questionOp, body json.RawMessage, file int) (reply, error) {
	g.mu.Lock()
	conn, said, err := g.conn, g.said, g.err
	g.mu.Unlock()
	if conn == nil {
		return reply{}, fmt.Errorf("%w, and there is no other: %w", errGuardianGone, err)
	}
	q := question{op, said.NextID(), body}
	text, err := json.Marshal(q)
	if err != nil {
		return reply{}, err
	}
	if file >= 0 {
		err = conn.Send(text, file)
	} else {
		err = conn.Send(text)
	}
	var r reply
	if err == nil {
		r, err = said.Await(q.ID)
	}
	if err != nil {
		return r, fmt.Errorf("%w: %w", errGuardianGone, err)
	}
	return r, nil
}

// current tells the guardians apart that have replaced each other.
func (g *guardian) current() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.count
}

// answer sends a reply. There is nobody to tell if that fails.
func (h *guardianHelper) answer(r reply) {
	if text, err := json.Marshal(r); err == nil {
		_ = h.conn.Send(text)
	}
}
