package proctable

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

func all() ([]Entry, error) {
	s, err := Look()
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(s.records))
	for _, r := range s.records {
		entries = append(entries, r.entry())
	}
	return entries, nil
}

func lookup(pid int) (Entry, error) {
	s, err := Look()
	if err != nil {
		return Entry{}, err
	}
	entry, ok := s.Entry(pid)
	if !ok {
		return Entry{}, gone(pid)
	}
	return entry, nil
}

// find takes a snapshot that has the process with this identity.
func find(id ID) (*Snapshot, error) {
	s, err := Look()
	if err != nil {
		return nil, err
	}
	if r, ok := s.records[id.PID]; !ok || r.id() != id {
		return nil, gone(id.PID)
	}
	return s, nil
}

func inspect(id ID) (Details, error) {
	s, err := find(id)
	if err != nil {
		return Details{}, err
	}
	return s.Inspect(id.PID)
}

func measure(id ID) (Usage, error) {
	s, err := find(id)
	if err != nil {
		return Usage{}, err
	}
	return s.Measure(id.PID)
}

// resting goes by the states of all threads, or has to believe what they were told.
func resting(id ID) bool {
	s, err := find(id)
	if err != nil {
		return false
	}
	if !TellsThreads() {
		return suspended(s.records[id.PID].threads())
	}
	return atRest(s.Threads(id.PID))
}

func atRest(threads []Thread) bool {
	alive := false
	for _, t := range threads {
		if !t.State.atRest() {
			return false
		}
		alive = alive || t.State != Zombie
	}
	return alive
}

// younger is not to be had: numbers are given out again at once, in no order.
func younger(int) ([]Entry, bool) { return nil, false }

func signal(id ID, sig syscall.Signal) error {
	if sig != syscall.SIGKILL {
		return fmt.Errorf("signal %d: %w", int(sig), errors.ErrUnsupported)
	}
	p, err := open(id, windows.PROCESS_TERMINATE|windows.SYNCHRONIZE)
	if err != nil {
		return err
	}
	defer p.close()
	if p.exited() {
		return gone(id.PID)
	}
	err = windows.TerminateProcess(p.handle, 1)
	// The handle has the right to. It is denied when the process has ended (Windows page of
	// TerminateProcess), or is ending.
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return nil
	}
	return os.NewSyscallError("TerminateProcess", err)
}
