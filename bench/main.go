//go:build linux

// Bench measures procgroup against plain os/exec and against the bare kernel calls, in
// one run and alternately, and prints what came out beside what it may be:
//
//	go run ./bench [-rounds N] [-only REGEXP] [-members N,...] [-groups N,...] [-strict]
//
// The ratios hold on a noisy machine too, as far as their spread says; the times are
// those of this machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/procgroup/procgroup"
)

// settings are what the flags say.
type settings struct {
	rounds  int
	only    *regexp.Regexp
	members []int
	groups  []int
	strict  bool
}

// bench is one measurement. Its name begins with the containment.
type bench struct {
	name string
	run  func(ctx context.Context, rounds int) ([]result, error)
}

func main() {
	procgroup.Init()
	s, err := parseFlags()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second one ends the program at once
	over, err := measure(ctx, s)
	err = errors.Join(err, checkNothingLeft())
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	if err != nil || over && s.strict {
		os.Exit(1)
	}
}

func parseFlags() (settings, error) {
	rounds := flag.Int("rounds", 400, "how often the cheapest thing is measured; expensive ones less often")
	only := flag.String("only", "", "measure only what this `regexp` matches, as in cgroup/kill")
	members := flag.String("members", "1,100,1000", "sizes of the groups that are killed and paused")
	groups := flag.String("groups", "1,100,10000", "how many groups live at a time")
	strict := flag.Bool("strict", false, "exit with status 1 if a budget is exceeded")
	flag.Parse()
	if flag.NArg() > 0 {
		return settings{}, fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	pattern, err := regexp.Compile(*only)
	memberCounts, membersErr := parseCounts(*members)
	groupCounts, groupsErr := parseCounts(*groups)
	if *rounds < 1 {
		err = errors.Join(err, errors.New("-rounds must be positive"))
	}
	return settings{*rounds, pattern, memberCounts, groupCounts, *strict},
		errors.Join(err, membersErr, groupsErr)
}

func parseCounts(text string) ([]int, error) {
	var counts []int
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is not a list of positive numbers", text)
		}
		counts = append(counts, n)
	}
	return counts, nil
}

// measure runs the benches and prints their results. One that fails does not keep the
// others from running.
func measure(ctx context.Context, s settings) (over bool, err error) {
	if err := markChildren(); err != nil {
		return false, err
	}
	printHeader()
	var errs []error
	for _, b := range benches(s) {
		if !s.only.MatchString(b.name) {
			continue
		}
		results, err := b.run(ctx, s.rounds)
		for _, r := range results {
			r.print(b.name)
			over = over || r.over
		}
		if ctx.Err() != nil {
			return over, errors.Join(append(errs, context.Cause(ctx))...)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", b.name, err))
		}
	}
	return over, errors.Join(errs...)
}

// benches lists the measurements of every containment that works here.
func benches(s settings) []bench {
	var list []bench
	for _, support := range procgroup.Survey() {
		name := support.Containment.String()
		if support.Err != nil {
			fmt.Printf("%s is not measured: %v\n", name, support.Err)
			continue
		}
		opts := procgroup.Options{Containment: support.Containment}
		list = append(list, startBenches(opts)...)
		for _, n := range s.members {
			list = append(list, killBench(opts, n))
		}
		for _, n := range s.members {
			list = append(list, pauseBench(opts, n))
		}
		list = append(list, noticeBenches(opts)...)
		if support.Guarantees.Has(procgroup.Accounting) {
			list = append(list, statsBench(opts))
		}
		list = append(list, liveBench(opts, s.groups))
	}
	return list
}
