package procgroup

import (
	"context"
	"time"
)

// Wait returns nil when no member is left, zombies apart, and ctx's error when ctx
// ends first. It kills nobody. It may be called again, and from many goroutines at
// once; it says nothing about members that are started after it returned.
//
// Wait waits for the group and not for a command: it does not reap, and does not
// tell how a command ended. That is for cmd.Wait.
func (g *Group) Wait(ctx context.Context) error {
	if err := g.check(); err != nil {
		return fail("wait", nil, err)
	}
	select {
	case <-g.Done():
		return nil
	case <-ctx.Done():
		return fail("wait", nil, context.Cause(ctx))
	}
}

// Done returns a channel that is closed when no member is left. For a group in
// which nothing was started yet, that is when what will be started is gone; for a
// closed one the channel is closed. After a group became empty and was started in
// again, Done returns a new channel.
func (g *Group) Done() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.done == nil {
		g.done = make(chan struct{})
	}
	g.checkEmpty()
	g.watchLocked()
	return g.done
}

// watchLocked sees to it that somebody looks when the group may have become empty.
// The caller holds mu.
func (g *Group) watchLocked() {
	if g.unwatch != nil || g.freed || isClosed(g.done) {
		return
	}
	stop, err := g.backend.watch(g.mayBeEmpty)
	if err != nil {
		// Out of descriptors, most likely. Try again: it gets better when other
		// groups end.
		timer := time.AfterFunc(watchRetry, g.retryWatch)
		stop = func() { timer.Stop() }
	}
	g.unwatch = stop
	// It may have become empty before the watch began.
	g.checkEmpty()
}

// watchRetry is the time between attempts to watch a group.
const watchRetry = 20 * time.Millisecond

func (g *Group) retryWatch() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unwatch = nil
	g.checkEmpty()
	g.watchLocked()
}

// mayBeEmpty is told by the backend that something changed.
func (g *Group) mayBeEmpty() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.checkEmpty()
}

// checkEmpty closes done if the group is empty. The caller holds mu.
func (g *Group) checkEmpty() {
	if g.done == nil || !g.started || g.starting > 0 || isClosed(g.done) {
		return
	}
	if g.emptyLocked() {
		close(g.done)
		g.endWatch()
	}
}

// endWatch ends the watch, if there is one. The caller holds mu.
func (g *Group) endWatch() {
	if g.unwatch != nil {
		g.unwatch()
		g.unwatch = nil
	}
}
