//go:build linux

package main

import (
	"context"
	"slices"
	"time"
)

// samples are measured figures of one kind.
type samples []float64

// quantile returns the figure below which the share q of the samples lies.
func (s samples) quantile(q float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

func (s samples) median() float64 { return s.quantile(0.5) }

// pairs are the seconds that two things took, measured in pairs.
type pairs struct{ a, b samples }

// ratio returns how much longer a takes than b.
func (p pairs) ratio() float64 { return p.a.median() / p.b.median() }

// ratios returns the ratio of each pair, for the spread.
func (p pairs) ratios() samples {
	r := make(samples, len(p.a))
	for i := range r {
		r[i] = p.a[i] / p.b[i]
	}
	return r
}

// A trial does something once and tells how long the part of it took that counts.
type trial func(ctx context.Context) (time.Duration, error)

// alternate measures a and b in the order a b b a: what changes slowly on the machine,
// and what one leaves behind for the next, hits both alike.
func alternate(ctx context.Context, rounds int, a, b trial) (pairs, error) {
	var p pairs
	// Not counted: what is done only the first time, probes and caches above all.
	for _, warmUp := range []trial{a, b} {
		if _, err := warmUp(ctx); err != nil {
			return p, err
		}
	}
	for round := range rounds {
		inOrder := []struct {
			do trial
			to *samples
		}{{a, &p.a}, {b, &p.b}}
		if round%2 == 1 {
			slices.Reverse(inOrder)
		}
		for _, one := range inOrder {
			if ctx.Err() != nil {
				return p, context.Cause(ctx)
			}
			took, err := one.do(ctx)
			if err != nil {
				return p, err
			}
			*one.to = append(*one.to, took.Seconds())
		}
	}
	return p, nil
}

// timed makes a trial of something that counts as a whole.
func timed(do func(ctx context.Context) error) trial {
	return func(ctx context.Context) (time.Duration, error) {
		begin := time.Now()
		err := do(ctx)
		return time.Since(begin), err
	}
}
