package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"slices"
	"syscall"
	"time"

	"github.com/procgroup/procgroup/internal/registry"
)

// overError is the error for a run that is over.
type overError struct {
	entry registry.Entry // what is left of it; the zero value if nothing is
	asked bool           // it ended while it owed an answer
}

func (e *overError) Error() string {
	if e.entry.Status == registry.Dead {
		return ErrEnded.Error() + ": procgroup run was killed"
	}
	return ErrEnded.Error()
}

func (e *overError) Unwrap() error { return ErrEnded }

// recordIn returns what a run has left behind, if err says that it is over.
func recordIn(err error) (Info, bool) {
	var over *overError
	if !errors.As(err, &over) || over.entry.Status != registry.Ended {
		return Info{}, false
	}
	return recorded(over.entry), true
}

// recorded returns what an entry says of its run. That the entry itself is about is right even
// where the rest cannot be read.
func recorded(entry registry.Entry) Info {
	var info Info
	if json.Unmarshal(entry.Info, &info) != nil {
		info = Info{}
	}
	info.ID, info.Name, info.Socket = entry.ID, entry.Name, entry.Socket
	switch {
	case entry.Status == registry.Dead:
		info.State, info.Leader = Dead, 0
	case entry.Status == registry.Ended:
		info.State = Exited
	case info.State == "":
		info.State = Starting
	}
	return info
}

// settleLimit bounds the time between the end of a process's connections and that of its lock. The
// kernel ends both, one after the other. Tests shorten it.
var settleLimit = time.Second

// explain returns what it means that a request failed with err.
func (r *Run) explain(ctx context.Context, err error) error {
	var answered *Error
	var inside *url.Error
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &answered):
		return err
	case errors.As(err, &inside):
		err = inside.Err // the rest is an address that means nothing
	}
	cut := isAny(err, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE)
	refused := isAny(err, fs.ErrNotExist, syscall.ECONNREFUSED)
	if isAny(err, context.DeadlineExceeded, syscall.EAGAIN) {
		return fmt.Errorf("%w: %w", ErrSilent, err) // it does not accept: its queue is full, on Linux with EAGAIN
	}
	if over := r.over(ctx, cut || refused); over != nil {
		over.asked = !refused
		return over
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case refused:
		return fmt.Errorf("%w: %w", ErrSilent, err)
	case cut:
		return fmt.Errorf("answer was cut off: %w", err)
	}
	return fmt.Errorf("no proper answer: %w", err)
}

func isAny(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

// over returns the error for a run that is over, and nil for one that is not. If gone is set, it
// seems to be over, and is given the time to be.
func (r *Run) over(ctx context.Context, gone bool) *overError {
	limit := time.Duration(0)
	if gone {
		limit = settleLimit
	}
	directory, err := registry.Open()
	if err != nil {
		return nil
	}
	defer directory.Close()
	entry, err := r.look(ctx, directory, limit)
	switch {
	case errors.Is(err, ErrNotFound) && (gone || r.entry.ID != ""):
		return &overError{}
	case err != nil || entry.Status == registry.Live:
		return nil
	}
	return &overError{entry: entry}
}

// look returns the entry of the run as it is now. For limit, it waits for one that is live to be
// over.
func (r *Run) look(ctx context.Context, directory *registry.Registry, limit time.Duration) (registry.Entry, error) {
	for begun := time.Now(); ; {
		entries, err := directory.List()
		if err != nil {
			return registry.Entry{}, err
		}
		i := slices.IndexFunc(entries, r.isOf)
		switch {
		case i < 0:
			return registry.Entry{}, ErrNotFound
		case entries[i].Status != registry.Live || time.Since(begun) >= limit:
			return entries[i], nil
		}
		select {
		case <-ctx.Done():
			return registry.Entry{}, context.Cause(ctx)
		case <-time.After(settleLimit / 50):
		}
	}
}

// isOf reports whether an entry is that of the run.
func (r *Run) isOf(entry registry.Entry) bool {
	if r.entry.ID != "" {
		return entry.ID == r.entry.ID
	}
	return entry.Socket == r.entry.Socket
}
