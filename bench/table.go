//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"
)

// result is one line of the table.
type result struct {
	part   string // of the bench; empty if it has one result only
	value  string
	spread string
	budget string
	over   bool
	note   string
}

const lineFormat = "%-26s %9s  %-13s %8s  %8s  %-7s  %s\n"

func printHeader() {
	fmt.Printf(lineFormat, "what", "median", "quartiles", "p90", "budget", "verdict", "")
}

func (r result) print(bench string) {
	quartiles, p90, _ := strings.Cut(r.spread, " ")
	verdict := ""
	switch {
	case r.over:
		verdict = "OVER"
	case r.budget != "":
		verdict = "ok"
	}
	name := strings.TrimSuffix(bench+"/"+r.part, "/")
	line := fmt.Sprintf(lineFormat, name, r.value, quartiles, p90, r.budget, verdict, r.note)
	fmt.Println(strings.TrimRight(line, " \n"))
}

// ratioResult tells how a compares with b. A limit of 0 is none.
func ratioResult(p pairs, limit float64, note string) result {
	spread := p.ratios()
	r := result{
		value:  fmt.Sprintf("%.3f", p.ratio()),
		spread: fmt.Sprintf("%.2f..%.2f %.2f", spread.quantile(0.25), spread.quantile(0.75), spread.quantile(0.9)),
		note:   fmt.Sprintf("%s against %s %s", seconds(p.a.median()), seconds(p.b.median()), note),
	}
	if limit > 0 {
		r.budget = fmt.Sprintf("%.2f", limit)
		r.over = p.ratio() > limit
	}
	return r
}

// timeResult tells how long something takes.
func timeResult(s samples, limit time.Duration) result {
	return result{
		value:  seconds(s.median()),
		spread: fmt.Sprintf("%s..%s %s", seconds(s.quantile(0.25)), seconds(s.quantile(0.75)), seconds(s.quantile(0.9))),
		budget: seconds(limit.Seconds()),
		over:   s.median() > limit.Seconds(),
	}
}

// seconds formats a time with three digits.
func seconds(s float64) string {
	switch {
	case s < 1e-3:
		return fmt.Sprintf("%.3gus", s*1e6)
	case s < 1:
		return fmt.Sprintf("%.3gms", s*1e3)
	}
	return fmt.Sprintf("%.3gs", s)
}
