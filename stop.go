package procgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// killWait bounds the wait for members to be gone after SIGKILL. They are within
// milliseconds, unless they are stuck in the kernel. Tests shorten it.
var killWait = 10 * time.Second

// Signal sends sig to every member, those forked meanwhile too, and to nobody
// else. Members of a paused group get it when they run again; only SIGKILL, and
// signals that end a process by default where the containment is [Cgroup], act at
// once. [os.Kill] is as Kill.
//
// A group that is gone gives [os.ErrProcessDone], something that is not a signal of
// this system [os.ErrInvalid]. If some members could not be signaled (a member
// became another user: EPERM), all others were, and the error is of kind
// [ErrSignal].
//
// # Linux notes
//
// With [Cgroup] each member is signaled through a pidfd, after the cgroup was seen
// to list the process that the pidfd refers to. When members are forked faster than
// they can be signaled, the group is frozen for a moment.
//
// # Windows notes
//
// There are [os.Interrupt] and os.Kill; other signals give [errors.ErrUnsupported].
// os.Interrupt is sent as Ctrl-Break (GenerateConsoleCtrlEvent) to the console process groups
// that commands of the group lead. Members that have made another one, that have no console, or
// another than the owner, do not get it. If nobody can, the error wraps errors.ErrUnsupported.
func (g *Group) Signal(sig os.Signal) error {
	if sig == nil {
		return fail("signal", nil, fmt.Errorf("nil signal: %w", os.ErrInvalid))
	}
	if sig == os.Kill {
		return g.Kill()
	}
	if err := g.check(); err != nil {
		return fail("signal", nil, err)
	}
	return fail("signal", ErrSignal, g.unlessClosed(g.backend.signal(sig)))
}

// Terminate asks every member to end, with SIGTERM on Unix, and returns at once. Members that
// are stopped get SIGCONT after it, and a paused group runs again, so that handlers run.
// If nobody is left, it returns nil.
//
// # Windows notes
//
// Members are asked by Ctrl-Break, as with Signal(os.Interrupt), and by a WM_CLOSE message to
// each of their top-level windows on the owner's desktop. If there is neither for anybody, the
// error wraps [errors.ErrUnsupported]; Stop waits for the grace all the same.
func (g *Group) Terminate() error {
	if err := g.check(); err != nil {
		return fail("terminate", nil, err)
	}
	err := g.backend.terminate()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	// Only now, so that nobody runs before it has the signal.
	return fail("terminate", ErrSignal, g.unlessClosed(errors.Join(err, g.unpause(context.Background()))))
}

// Kill kills every member, paused ones too, and those that are being started. When
// it returns nil their death cannot be escaped any more, but may take some
// milliseconds: Wait tells. If nobody is left, it returns nil. The group is not
// paused afterwards, and new commands can be started in it.
func (g *Group) Kill() error {
	if err := g.check(); err != nil {
		return fail("kill", nil, err)
	}
	err := g.backend.kill()
	return fail("kill", ErrSignal, g.unlessClosed(errors.Join(err, g.unpause(context.Background()))))
}

// Stop ends the group: Terminate, then the grace of [Options] for members to end by
// themselves, then Kill. It returns nil when no member is left. When ctx ends, that
// ends the grace, and the members are killed at once. The error wraps
// [ErrSurvivors] if that did not end them either.
func (g *Group) Stop(ctx context.Context) error {
	if err := g.check(); err != nil {
		return fail("stop", nil, err)
	}
	if g.grace > 0 {
		// Whom Terminate cannot reach, Kill may: the error of Kill counts.
		_ = g.Terminate()
		grace, cancel := context.WithTimeout(ctx, g.grace)
		err := g.Wait(grace)
		cancel()
		if err == nil {
			return nil
		}
	}
	if err := g.Kill(); err != nil {
		return fail("stop", nil, err)
	}
	return fail("stop", nil, g.drain())
}

// drain waits until no member is left, after they have been killed.
func (g *Group) drain() error {
	timeout := time.NewTimer(killWait)
	defer timeout.Stop()
	select {
	case <-g.Done():
		return nil
	case <-timeout.C:
		return fmt.Errorf("%w for %v", ErrSurvivors, killWait)
	}
}

// Close kills what is left, waits until it is gone, and frees everything that the
// group holds. Every other method of a closed group returns [ErrClosed]. Close may be
// called again; that does nothing, unless the first returned [ErrSurvivors]: then it
// tries again.
//
// Close does not reap the commands that were given to Start; cmd.Wait does.
func (g *Group) Close() error {
	g.closing.Lock()
	defer g.closing.Unlock()
	if g.freed {
		return nil
	}
	g.shut()
	err := errOccupied
	if g.idle() {
		err = g.backend.close() // mostly there is nobody, and to try is to know
	}
	if errors.Is(err, errOccupied) {
		if err = g.clear(); err == nil {
			err = g.backend.close()
		}
	}
	if err != nil {
		return fail("close", nil, err)
	}
	g.free()
	return nil
}

// shut closes the group for every operation that begins from now on.
func (g *Group) shut() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
}

// idle reports whether no start and no Pause is under way. After shut that remains so.
func (g *Group) idle() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.starting == 0 && g.pausing == nil
}

// clear kills what is left and waits until it is gone, starts under way included.
func (g *Group) clear() error {
	err := errors.Join(
		g.backend.kill(),
		g.unpause(context.Background()),
		g.settle(context.Background()),
		g.backend.kill(), // what those starts have started
	)
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.started = true // or the drain would wait for a first start
	g.mu.Unlock()
	return g.drain()
}

// Release lets the members live on, uncontained and unkilled, and ends the group:
// every other method returns [ErrClosed] afterwards. A paused group runs again. For
// those who wait, the group is empty.
//
// # Linux notes
//
// With [Cgroup] the members are moved to the cgroup that the group was made in, the
// owner's, and the group's directory is removed.
//
// # Windows notes
//
// Processes cannot leave a job: the members stay in one that nobody can reach any more, and
// that no longer kills them.
func (g *Group) Release() error {
	g.closing.Lock()
	defer g.closing.Unlock()
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed {
		return fail("release", nil, ErrClosed)
	}
	g.shut()
	err := errors.Join(
		g.unpause(context.Background()),
		g.settle(context.Background()),
		g.backend.release(),
	)
	g.free()
	return fail("release", nil, err)
}

// free ends what only a living group needs. The backend must not be used after it.
func (g *Group) free() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.freed = true
	if g.adopted != nil {
		_ = g.adopted.Release()
	}
	g.endWatch()
	if g.guarded {
		theGuardian.dismiss()
	}
	if g.done == nil {
		g.done = make(chan struct{})
	}
	if !isClosed(g.done) {
		close(g.done)
	}
}
