//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup"
)

// The budgets of many groups that live at the same time: how much heap each may take,
// and how many goroutines and threads all of them together.
const (
	heapBudget      = 4 << 10
	goroutineBudget = 2
	// The Go runtime makes a thread when others are in the kernel, and keeps it.
	threadBudget = 8
)

// liveBench measures what groups need while they live: those that nobody waits for, and
// those that somebody does.
func liveBench(opts procgroup.Options, counts []int) bench {
	return bench{opts.Containment.String() + "/live", func(ctx context.Context, _ int) ([]result, error) {
		var results []result
		for _, n := range counts {
			more, err := liveGroups(ctx, opts, n)
			results = append(results, more...)
			if err != nil {
				return results, err
			}
		}
		return results, nil
	}}
}

func liveGroups(ctx context.Context, opts procgroup.Options, want int) (results []result, err error) {
	n, why := howManyFit(want)
	idle, err := takeFootprint()
	if err != nil {
		return nil, err
	}
	groups := make([]*procgroup.Group, 0, n)
	defer func() {
		note, endErr := endGroups(ctx, groups)
		results = append(results, note)
		err = errors.Join(err, endErr)
	}()
	for range n {
		g, err := startOne(ctx, opts)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.EMFILE) {
			why = err.Error()
			break
		}
		if err != nil {
			return nil, err
		}
		groups = append(groups, g)
	}
	alone, err := takeFootprint()
	if err != nil {
		return nil, err
	}
	results = append(results, alone.result(idle, len(groups), "unwatched", why))
	for _, g := range groups {
		g.Done()
	}
	watched, err := takeFootprint()
	if err != nil {
		return results, err
	}
	return append(results, watched.result(idle, len(groups), "watched", why)), nil
}

// startOne starts a group of one sleeping process.
func startOne(ctx context.Context, opts procgroup.Options) (*procgroup.Group, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	cmd, err := shell("read -r _ <&3")
	if err != nil {
		return nil, err
	}
	g, err := procgroup.New(opts)
	if err != nil {
		return nil, err
	}
	if err := g.Start(cmd); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// footprint is what this program needs.
type footprint struct {
	heap, goroutines, threads, descriptors int
}

func takeFootprint() (footprint, error) {
	runtime.GC()
	runtime.GC() // what the first one found to be finalized
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	threads, threadsErr := os.ReadDir("/proc/self/task")
	descriptors, descriptorsErr := os.ReadDir("/proc/self/fd")
	return footprint{
		heap:        int(mem.HeapAlloc),
		goroutines:  runtime.NumGoroutine(),
		threads:     len(threads),
		descriptors: len(descriptors) - 1, // the one that reads them
	}, errors.Join(threadsErr, descriptorsErr)
}

func (f footprint) result(idle footprint, n int, part, why string) result {
	heap := float64(f.heap-idle.heap) / float64(max(n, 1))
	goroutines := f.goroutines - idle.goroutines
	threads := f.threads - idle.threads
	r := result{
		part:   fmt.Sprintf("%d/%s", n, part),
		value:  fmt.Sprintf("%.0fB", heap),
		budget: fmt.Sprintf("%dB", heapBudget),
		over:   heap > heapBudget || goroutines > goroutineBudget || threads > threadBudget,
		note: fmt.Sprintf("of heap each; goroutines %+d, threads %+d, descriptors %+d (%.1f each) %s",
			goroutines, threads, f.descriptors-idle.descriptors,
			float64(f.descriptors-idle.descriptors)/float64(max(n, 1)), why),
	}
	if n == 1 {
		// What is there once for all groups is not theirs alone.
		r.budget, r.over = "", false
	}
	return r
}

// endLimit bounds the time that many groups are given to end.
const endLimit = 30 * time.Second

// endGroups closes the groups. If that takes too long, or ctx ends, it lets the rest of
// them go and kills their one member.
func endGroups(ctx context.Context, groups []*procgroup.Group) (result, error) {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, endLimit)
	defer cancel()
	var errs []error
	closed, took := 0, 0.0
	for _, g := range groups {
		if ctx.Err() != nil {
			errs = append(errs, g.Release(), g.Leader().Kill())
			continue
		}
		errs = append(errs, g.Close())
		closed++
		took = time.Since(begin).Seconds()
	}
	for _, g := range groups {
		_, err := g.Leader().Wait()
		errs = append(errs, err)
	}
	return result{
		part:  fmt.Sprintf("%d/close", len(groups)),
		value: seconds(took / float64(max(closed, 1))),
		note:  fmt.Sprintf("each, for %d of them", closed),
	}, errors.Join(errs...)
}
