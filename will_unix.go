//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

// will is a file without a name in which the owner writes down what has to be ended when it
// is dead, and which the guardian reads then, and only then. To write there costs a system
// call, and wakes nobody; what was written is there whatever the owner dies of, and the next
// guardian has it too.
//
// It is made of slots of a fixed size. A slot that begins with a length of 0 holds nothing.
type will struct {
	file *os.File

	mu    sync.Mutex
	slots int   // there are so many
	free  []int // of those
}

// willSlot is the size of a slot. What is written down is a few hundred bytes.
const willSlot = 1024

// bequest is something that the owner leaves behind.
type bequest struct {
	Kind bequestKind
	Body json.RawMessage
}

type bequestKind string

// add writes something down, and returns the number of its slot.
func (w *will) add(kind bequestKind, body any) (slot int, err error) {
	w.mu.Lock()
	if last := len(w.free) - 1; last >= 0 {
		slot, w.free = w.free[last], w.free[:last]
	} else {
		slot = w.slots
		w.slots++
	}
	w.mu.Unlock()
	if err = w.set(slot, kind, body); err != nil {
		w.remove(slot)
	}
	return slot, err
}

// set writes something else in a slot.
func (w *will) set(slot int, kind bequestKind, body any) error {
	text, err := json.Marshal(body)
	if err == nil {
		text, err = json.Marshal(bequest{kind, text})
	}
	if err != nil {
		return err
	}
	data := make([]byte, 4, willSlot)
	binary.NativeEndian.PutUint32(data, uint32(len(text)))
	data = append(data, text...)
	if len(data) > willSlot {
		return fmt.Errorf("%d bytes to be written down for the guardian are too many", len(data))
	}
	_, err = w.file.WriteAt(data, int64(slot)*willSlot)
	return err
}

// remove strikes a slot out.
func (w *will) remove(slot int) {
	_, _ = w.file.WriteAt(make([]byte, 4), int64(slot)*willSlot)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.free = append(w.free, slot)
}

// readWill returns what stands in a will.
func readWill(file *os.File) []bequest {
	var list []bequest
	slot := make([]byte, willSlot)
	for offset := int64(0); ; offset += willSlot {
		n, _ := file.ReadAt(slot, offset)
		if n < 4 {
			return list
		}
		size := binary.NativeEndian.Uint32(slot)
		var b bequest
		if size == 0 || size > uint32(n-4) || json.Unmarshal(slot[4:4+size], &b) != nil {
			continue
		}
		list = append(list, b)
	}
}
