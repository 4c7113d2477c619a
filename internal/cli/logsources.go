package cli

import (
	"context"
	"iter"
	"sync"

	"github.com/procgroup/procgroup/control"
)

// namedLine is a line of the run that has a name.
type namedLine struct {
	name string
	control.LogLine
}

// namedLog is the log of the run that has a name.
type namedLog struct {
	name  string
	lines func(context.Context) iter.Seq2[control.LogLine, error]
}

// openLogs finds the logs of the runs that are named, and tells which it does not find.
func openLogs(ctx context.Context, names []string, o control.LogOptions, failures *failures) (logs []namedLog, closeAll func()) {
	var runs []*control.Run
	for _, name := range names {
		run, err := control.Find(ctx, name)
		if err != nil {
			failures.add(name, err)
			continue
		}
		runs = append(runs, run)
		logs = append(logs, namedLog{name, func(ctx context.Context) iter.Seq2[control.LogLine, error] {
			return run.Logs(ctx, o)
		}})
	}
	return logs, func() {
		for _, run := range runs {
			run.Close()
		}
	}
}

// head is the next line of a log that is merged.
type head struct {
	namedLine
	err  error
	next func() (control.LogLine, error, bool)
}

// advance reads the next line, and reports whether there is one.
func (h *head) advance() (ok bool) {
	h.LogLine, h.err, ok = h.next()
	return ok
}

// mergeLogs yields the lines of logs in the order of their times. A line that is in parts is not
// torn.
func mergeLogs(ctx context.Context, logs []namedLog) iter.Seq2[namedLine, error] {
	return func(yield func(namedLine, error) bool) {
		var heads []*head
		for _, log := range logs {
			next, stop := iter.Pull2(log.lines(ctx))
			defer stop()
			h := &head{namedLine: namedLine{name: log.name}, next: next}
			if h.advance() {
				heads = append(heads, h)
			}
		}
		for len(heads) > 0 {
			first := 0
			for i, h := range heads {
				if h.Time.Before(heads[first].Time) {
					first = i
				}
			}
			h := heads[first]
			for goesOn := true; goesOn; {
				if !yield(h.namedLine, h.err) {
					return
				}
				goesOn = h.Partial
				if !h.advance() {
					heads = append(heads[:first], heads[first+1:]...)
					break
				}
			}
		}
	}
}

// joinLogs yields the lines of logs as they come.
func joinLogs(ctx context.Context, logs []namedLog) iter.Seq2[namedLine, error] {
	type item struct {
		line namedLine
		err  error
	}
	return func(yield func(namedLine, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		items := make(chan item)
		var readers sync.WaitGroup
		for _, log := range logs {
			readers.Go(func() {
				for line, err := range log.lines(ctx) {
					select {
					case items <- item{namedLine{log.name, line}, err}:
					case <-ctx.Done():
						return
					}
				}
			})
		}
		go func() {
			readers.Wait()
			close(items)
		}()
		defer func() {
			cancel()
			for range items { // until all readers have seen it
			}
		}()
		for i := range items {
			if !yield(i.line, i.err) {
				return
			}
		}
	}
}
