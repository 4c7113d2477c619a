//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import (
	"encoding/json"
	"os"
	"sync"

	"github.com/procgroup/procgroup/internal/helper"
)

// estate is something that a dead owner has left behind.
type estate interface {
	// end ends it, and returns when nothing of it is left, or cannot be ended.
	end()
}

// estateKinds make an estate of what stands in the will.
var estateKinds = map[bequestKind]func(body json.RawMessage) (estate, error){
	bequestSession: newSessionEstate,
	bequestPending: newPendingEstate,
}

// guardianHelper is the guardian in the process that is it.
type guardianHelper struct {
	conn   *helper.Conn
	system guardianSystem
}

// serveGuardian is the main function of a guardian.
func serveGuardian(conn *helper.Conn) {
	will := os.NewFile(helper.Heirloom, "will")
	h := &guardianHelper{conn: conn}
	h.system.begin()
	for {
		message, files, err := conn.Receive()
		if err != nil {
			break // the owner is dead, or has no groups any more
		}
		var q question
		if json.Unmarshal(message, &q) == nil {
			h.system.obey(h, q, files)
		}
		helper.CloseFiles(files)
	}
	h.execute(readWill(will))
}

// execute ends everything at once: one that takes its time must not hold up the others.
func (h *guardianHelper) execute(bequests []bequest) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, 64)
	for _, b := range bequests {
		open, ok := estateKinds[b.Kind]
		if !ok {
			continue
		}
		e, err := open(b.Body)
		if err != nil {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			e.end()
			<-slots
		})
	}
	h.system.end()
	wg.Wait()
}
