//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/procgroup/procgroup"
)

// The budgets are for groups of this many members and more, and for the cgroup: how
// much longer than the bare kernel call it may take until all are dead, or stand still.
const (
	largeGroup  = 1000
	killBudget  = 1.05
	pauseBudget = 1.1
)

// calm is waited before something is timed. The kernel tells of a change of cgroup.events
// up to 10 ms late if there was another just before, which would hide all else.
const calm = 20 * time.Millisecond

// roundsFor returns how often something is measured that takes longer the more members
// there are.
func roundsFor(rounds, members int) int {
	switch {
	case members >= largeGroup:
		return max(rounds/25, 3)
	case members >= 100:
		return max(rounds/8, 3)
	}
	return max(rounds/4, 3)
}

func limitFor(c procgroup.Containment, members int, limit float64) float64 {
	if c == procgroup.Cgroup && members >= largeGroup {
		return limit
	}
	return 0
}

// killBench measures Kill and Wait against the bare kernel call, each time with other
// members.
func killBench(opts procgroup.Options, n int) bench {
	c := opts.Containment
	name := fmt.Sprintf("%s/kill/%d", c, n)
	return bench{name, func(ctx context.Context, rounds int) ([]result, error) {
		withGroup := func(ctx context.Context) (took time.Duration, err error) {
			g, end, err := newGroup(opts, n)
			if err == nil {
				took, err = afterCalm(ctx, func() error { return errors.Join(g.Kill(), g.Wait(ctx)) })
			}
			return took, errors.Join(err, end())
		}
		byHand := func(ctx context.Context) (took time.Duration, err error) {
			b, end, err := newBare(c, n)
			if err == nil {
				took, err = afterCalm(ctx, b.kill)
			}
			return took, errors.Join(err, end())
		}
		p, err := alternate(ctx, roundsFor(rounds, n), withGroup, byHand)
		if err != nil {
			return nil, err
		}
		return []result{ratioResult(p, limitFor(c, n, killBudget), "of the bare call")}, nil
	}}
}

// pauseBench measures Pause against the bare kernel call, each time with the same
// members.
func pauseBench(opts procgroup.Options, n int) bench {
	c := opts.Containment
	name := fmt.Sprintf("%s/pause/%d", c, n)
	return bench{name, func(ctx context.Context, rounds int) (_ []result, err error) {
		g, endGroup, err := newGroup(opts, n)
		defer func() { err = errors.Join(err, endGroup()) }()
		if err != nil {
			return nil, err
		}
		b, endBare, err := newBare(c, n)
		defer func() { err = errors.Join(err, endBare()) }()
		if err != nil {
			return nil, err
		}
		withGroup := func(ctx context.Context) (time.Duration, error) {
			took, err := afterCalm(ctx, func() error { return g.Pause(ctx) })
			return took, errors.Join(err, g.Resume(context.WithoutCancel(ctx)))
		}
		byHand := func(ctx context.Context) (time.Duration, error) {
			took, err := afterCalm(ctx, b.freeze)
			return took, errors.Join(err, b.thaw())
		}
		p, err := alternate(ctx, roundsFor(rounds, n), withGroup, byHand)
		if err != nil {
			return nil, err
		}
		return []result{ratioResult(p, limitFor(c, n, pauseBudget), "of the bare call")}, nil
	}}
}

// afterCalm tells how long something takes, begun when nothing has happened for a while.
func afterCalm(ctx context.Context, do func() error) (time.Duration, error) {
	if err := pass(ctx, calm); err != nil {
		return 0, err
	}
	begin := time.Now()
	err := do()
	return time.Since(begin), err
}

// pass lets time pass.
func pass(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
