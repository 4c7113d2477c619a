package cli

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
)

// sample is what a group has used at one moment. It is what "procgroup stats --json" prints.
type sample struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	control.Stats

	cpu procgroup.Optional[float64] // percent of one processor since the sample before
}

// sampler takes samples of some runs, again and again, until they have ended.
type sampler struct{ runs []*sampledRun }

type sampledRun struct {
	*control.Run
	title string // as the user calls it
	last  sample
	err   error // why the last one is empty
}

// add adds the run with a name or id.
func (s *sampler) add(ctx context.Context, name string) error {
	run, err := control.Find(ctx, name)
	if err != nil {
		return err
	}
	info, err := run.Info(ctx)
	if err == nil && !info.State.Live() {
		err = control.ErrEnded
	}
	if err != nil {
		run.Close()
		return err
	}
	s.runs = append(s.runs, &sampledRun{Run: run, title: name, last: sample{ID: info.ID, Name: info.Name}})
	return nil
}

// addLive adds all runs that are there and were not added yet.
func (s *sampler) addLive(ctx context.Context) error {
	infos, err := control.List(ctx)
	for _, info := range infos {
		known := slices.ContainsFunc(s.runs, func(r *sampledRun) bool { return r.last.ID == info.ID })
		if known || !info.State.Live() {
			continue
		}
		run, err := control.Find(ctx, info.ID)
		if err != nil {
			continue // it has ended meanwhile
		}
		s.runs = append(s.runs, &sampledRun{Run: run, title: nameOf(info), last: sample{ID: info.ID, Name: info.Name}})
	}
	return err
}

// sample takes a sample of each, and drops those that have ended. What it cannot find out it
// tells, and leaves empty.
func (s *sampler) sample(ctx context.Context, tell func(name string, err error)) []sample {
	var asking sync.WaitGroup
	for _, run := range s.runs {
		asking.Go(func() { run.sample(ctx) })
	}
	asking.Wait()
	var samples []sample
	s.runs = slices.DeleteFunc(s.runs, func(run *sampledRun) bool {
		if errors.Is(run.err, control.ErrEnded) {
			run.Close()
			return true
		}
		if run.err != nil {
			tell(run.title, run.err)
		}
		samples = append(samples, run.last)
		return false
	})
	return samples
}

func (s *sampler) empty() bool { return len(s.runs) == 0 }

func (s *sampler) close() {
	for _, run := range s.runs {
		run.Close()
	}
}

func (r *sampledRun) sample(ctx context.Context) {
	var stats control.Stats
	stats, r.err = r.Stats(ctx)
	next := sample{ID: r.last.ID, Name: r.last.Name, Stats: stats}
	next.cpu = cpuPercent(r.last.Stats, stats)
	r.last = next
}

// cpuPercent returns how much of a processor was used between two samples. It is absent if the
// group is another one meanwhile, which has used less.
func cpuPercent(before, now control.Stats) procgroup.Optional[float64] {
	used, usedBefore := cpuTime(now.User, now.System), cpuTime(before.User, before.System)
	passed := now.Time.Sub(before.Time)
	if !used.Valid || !usedBefore.Valid || passed <= 0 || used.V < usedBefore.V {
		return procgroup.Optional[float64]{}
	}
	return procgroup.Optional[float64]{V: 100 * float64(used.V-usedBefore.V) / float64(passed), Valid: true}
}
