package procgroup

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/windows"

	"github.com/procgroup/procgroup/internal/jobobject"
)

// errNobodyAsked is why a member may not even know that it was asked to end.
var errNobodyAsked = fmt.Errorf("no member shares the owner's console, or has a window: %w", errors.ErrUnsupported)

// signal sends Ctrl-Break in the place of os.Interrupt: Ctrl-C reaches no process group but that
// of the whole console (GenerateConsoleCtrlEvent).
func (b *jobBackend) signal(sig os.Signal) error {
	if sig != os.Interrupt {
		if _, ok := sig.(syscall.Signal); ok {
			return fmt.Errorf("signal %v: %w", sig, errors.ErrUnsupported)
		}
		return fmt.Errorf("%v is not a signal of this system: %w", sig, os.ErrInvalid)
	}
	return b.ask(func([]int) int {
		if b.halted != nil {
			// Handlers run in a thread of their own, which would not stand still.
			b.breakDue = true
			return 1
		}
		return b.sendBreak()
	})
}

// terminate asks processes of the console by Ctrl-Break, and others by their windows.
func (b *jobBackend) terminate() error {
	return b.ask(func(members []int) int { return b.sendBreak() + b.closeWindows(members) })
}

// ask has those members asked who can be. how returns how many ways it has found.
func (b *jobBackend) ask(how func(members []int) int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	members, err := b.members()
	switch {
	case err != nil:
		return err
	case len(members) == 0:
		return os.ErrProcessDone
	case how(members) == 0:
		return errNobodyAsked
	}
	return nil
}

// sendBreak sends Ctrl-Break to the process groups that commands lead, or have led: with a
// handle held, the number of one that has ended still means its group. It fails for those that
// do not share the owner's console. The caller holds mu.
func (b *jobBackend) sendBreak() (sent int) {
	for _, p := range b.held {
		if p.leads && windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(p.pid)) == nil {
			sent++
		}
	}
	return sent
}

// closeWindows does what a click on the cross of each window of the members would do. The
// caller holds mu.
func (b *jobBackend) closeWindows(members []int) (closed int) {
	owners := make(map[int]bool, len(members))
	for _, pid := range members {
		owners[pid] = true
	}
	for _, w := range topWindows() {
		if pid := w.owner(); owners[pid] && b.closeWindow(w, pid) {
			closed++
		}
	}
	return closed
}

// closeWindow asks a window to close that a process has made, if that is a member. The caller
// holds mu.
func (b *jobBackend) closeWindow(w window, pid int) bool {
	process, err := jobobject.Open(pid)
	if err != nil {
		return false
	}
	defer windows.CloseHandle(process) // until then the number is no other's
	return b.isMember(process) && w.owner() == pid && w.askToClose()
}

// window is a window at the top level of the desktop that the owner is on.
type window windows.HWND

// owner returns the number of the process that has made the window, 0 if the window is gone.
func (w window) owner() int {
	var pid uint32
	_, _ = windows.GetWindowThreadProcessId(windows.HWND(w), &pid)
	return int(pid)
}

// askToClose posts WM_CLOSE.
func (w window) askToClose() bool {
	const wmClose = 0x0010
	ok, _, _ := postMessage.Call(uintptr(w), wmClose, 0, 0)
	return ok != 0
}

var postMessage = windows.NewLazySystemDLL("user32.dll").NewProc("PostMessageW")

// seen are the windows that the callback was called for.
var seen struct {
	sync.Mutex
	windows []window
}

// noteWindow is the callback. Callbacks are never freed, so there is but one.
var noteWindow = sync.OnceValue(func() uintptr {
	return windows.NewCallback(func(w windows.HWND, _ uintptr) uintptr {
		seen.windows = append(seen.windows, window(w))
		return 1 // go on
	})
})

// topWindows lists the windows. Without a desktop there are none.
func topWindows() []window {
	seen.Lock()
	defer seen.Unlock()
	seen.windows = nil
	_ = windows.EnumWindows(noteWindow(), nil)
	return seen.windows
}
