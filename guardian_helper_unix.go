//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import (
	"encoding/json"
	"sync"

	"github.com/procgroup/procgroup/internal/helper"
)

// estate is something that ends when the owner is dead.
type estate interface {
	// end ends it, and returns when nothing of it is left, or cannot be ended.
	end()
	// forget gives back what it holds: it is gone, or lives on.
	forget()
}

// estateKinds make an estate of what the owner has told, and of a descriptor that came
// with it, which is -1 if there is none, and is theirs.
var estateKinds = map[orderOp]func(body json.RawMessage, file int) (estate, error){
	holdSession: newSessionEstate,
	holdPending: newPendingEstate,
}

// guardianHelper is the guardian in the process that is it.
type guardianHelper struct {
	conn    *helper.Conn
	estates map[uint64]estate
	system  guardianSystem
}

// serveGuardian is the main function of a guardian.
func serveGuardian(conn *helper.Conn) {
	h := &guardianHelper{conn: conn, estates: make(map[uint64]estate)}
	h.system.begin(h)
	for {
		message, files, err := conn.Receive()
		if err != nil {
			break // the owner is dead, or has no groups any more
		}
		var o order
		if json.Unmarshal(message, &o) == nil {
			h.obey(o, files)
		} else {
			helper.CloseFiles(files)
		}
	}
	h.endAll()
}

func (h *guardianHelper) obey(o order, files []int) {
	file := -1
	if len(files) > 0 {
		file = files[0]
		helper.CloseFiles(files[1:])
	}
	make, isEstate := estateKinds[o.Op]
	switch {
	case isEstate:
		if e, err := make(o.Body, file); err == nil {
			h.estates[o.ID] = e
		}
	case o.Op == orderDrop:
		if e, ok := h.estates[o.ID]; ok {
			e.forget()
			delete(h.estates, o.ID)
		}
	default:
		h.system.obey(h, o, file)
	}
}

// answer sends a reply. There is nobody to tell if that fails.
func (h *guardianHelper) answer(r reply) {
	if text, err := json.Marshal(r); err == nil {
		_ = h.conn.Send(text)
	}
}

// endAll ends everything at once: one that takes its time must not hold up the others.
func (h *guardianHelper) endAll() {
	var wg sync.WaitGroup
	slots := make(chan struct{}, 64)
	for _, e := range h.estates {
		slots <- struct{}{}
		wg.Go(func() {
			e.end()
			<-slots
		})
	}
	h.system.end()
	wg.Wait()
}
