package procgroup

import (
	"context"
	"fmt"
)

// Pause stops every member and returns nil once it has seen that none runs. When
// ctx ends first, everything runs again and the error wraps the context's. A
// paused group stays so until Resume, Terminate, Stop or Kill; to pause it again
// changes nothing. While it is paused nothing can be started in it: see
// [ErrPaused].
//
// Starts that are under way are waited for. Resume, Terminate, Stop, Kill and
// Close end a Pause that is at work.
//
// # Linux notes
//
// With [Cgroup] the kernel's freezer stops the group, and Pause has read "frozen 1"
// in cgroup.events, which speaks for the whole subtree. Members cannot notice, but
// blocking calls that a signal would interrupt may return EINTR after Resume
// (signal(7)). A member in state D is not frozen until its call returns.
//
// # Windows notes
//
// The job is frozen where that works (JobObjectFreezeInformation, which Microsoft has not
// documented), else every thread of every member is suspended, once. Then Pause looks at all of
// them, until nothing moves and nobody new has come. Resume undoes what was done, so a thread
// that somebody else had suspended stays so. A thread in a call that cannot be interrupted stops
// when that returns.
//
// # Notes for Session
//
// Members get SIGSTOP until the process table shows all of them stopped, or in a
// state in which they cannot run. Their parents get SIGCHLD and can see it.
func (g *Group) Pause(ctx context.Context) error {
	if ctx.Err() != nil {
		return fail("pause", nil, context.Cause(ctx))
	}
	ctx, p, err := g.beginPause(ctx)
	if p == nil {
		return fail("pause", nil, err)
	}
	err = g.settle(ctx)
	if err == nil {
		err = g.backend.pause(ctx)
	}
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("undone: %w", context.Cause(ctx))
	}
	g.endPause(p, err == nil)
	return fail("pause", nil, g.unlessClosed(err))
}

// beginPause returns a pausing that the caller has to end, or nil if the group is
// paused or cannot be.
func (g *Group) beginPause(ctx context.Context) (context.Context, *pausing, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		if err := g.checkLocked(); err != nil {
			return nil, nil, err
		}
		if g.paused {
			return nil, nil, nil
		}
		other := g.pausing
		if other == nil {
			break
		}
		g.mu.Unlock()
		select {
		case <-other.over:
		case <-ctx.Done():
		}
		g.mu.Lock()
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	g.pausing = &pausing{cancel: cancel, over: make(chan struct{})}
	return ctx, g.pausing, nil
}

func (g *Group) endPause(p *pausing, paused bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.paused = paused
	g.pausing = nil
	p.cancel(nil)
	close(p.over)
}

// settle waits until no start is under way. A process that is cloned into a frozen
// cgroup hangs its parent until the thaw, and with it every start in the program
// (syscall.ForkLock).
func (g *Group) settle(ctx context.Context) error {
	g.mu.Lock()
	if g.starting == 0 {
		g.mu.Unlock()
		return nil
	}
	if g.settled == nil {
		g.settled = make(chan struct{})
	}
	settled := g.settled
	g.mu.Unlock()
	select {
	case <-settled:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Resume lets run what Pause stopped, and only that: a member that was stopped
// before stays so. If the group is not paused, there is nothing to do. A Pause that
// is at work ends with an error. On an error the group counts as running.
func (g *Group) Resume(ctx context.Context) error {
	if ctx.Err() != nil {
		return fail("resume", nil, context.Cause(ctx))
	}
	if err := g.check(); err != nil {
		return fail("resume", nil, err)
	}
	return fail("resume", nil, g.unlessClosed(g.unpause(ctx)))
}

// unpause ends a pause, or a Pause that is at work.
func (g *Group) unpause(ctx context.Context) error {
	g.mu.Lock()
	if p := g.pausing; p != nil {
		p.cancel(ErrInterrupted)
		g.mu.Unlock()
		select {
		case <-p.over:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		g.mu.Lock()
	}
	defer g.mu.Unlock()
	if !g.paused {
		return nil
	}
	g.paused = false
	return g.backend.unpause()
}

// Paused reports whether the group is paused.
func (g *Group) Paused() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.paused
}
