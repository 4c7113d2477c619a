//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/procgroup/procgroup"
)

// statsBudget allows for noise: Stats has to cost the same for any number of members.
const statsBudget = 1.1

// statsCalls is how often Stats is called in one sample: once is too short to measure.
const statsCalls = 20

// statsBench compares Stats on a thousand members with Stats on one.
func statsBench(opts procgroup.Options) bench {
	return bench{opts.Containment.String() + "/stats", func(ctx context.Context, rounds int) (_ []result, err error) {
		many, endMany, err := newGroup(opts, largeGroup)
		defer func() { err = errors.Join(err, endMany()) }()
		if err != nil {
			return nil, err
		}
		one, endOne, err := newGroup(opts, 1)
		defer func() { err = errors.Join(err, endOne()) }()
		if err != nil {
			return nil, err
		}
		p, err := alternate(ctx, rounds, timed(statsOf(many)), timed(statsOf(one)))
		if err != nil {
			return nil, err
		}
		note := fmt.Sprintf("for %d calls, %d members against 1", statsCalls, largeGroup)
		return []result{ratioResult(p, statsBudget, note)}, nil
	}}
}

func statsOf(g *procgroup.Group) func(context.Context) error {
	return func(context.Context) error {
		for range statsCalls {
			if _, err := g.Stats(); err != nil {
				return err
			}
		}
		return nil
	}
}
