package cli

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// showProgress shows on a terminal what is waited for, and for how long already, on a line that
// it rewrites each second until done is called, which erases it. It says nothing in the first
// second, and nothing at all where w is no terminal. A limit of 0 is unknown.
func showProgress(w io.Writer, what string, limit time.Duration) (done func()) {
	if !isTerminal(w) || !canRedraw(w) {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		redrawProgress(w, what, limit, stop)
	}()
	return sync.OnceFunc(func() {
		close(stop)
		<-stopped
	})
}

func redrawProgress(w io.Writer, what string, limit time.Duration, stop <-chan struct{}) {
	start := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	shown := false
	for {
		select {
		case <-tick.C:
			// What the line leaves of the row has to stay empty: a line that is broken is not
			// rewritten.
			text := what + ": " + elapsed(time.Since(start), limit)
			fmt.Fprint(w, eraseLine+cut(text, terminalWidth(w)-1, "..."))
			shown = true
		case <-stop:
			if shown {
				fmt.Fprint(w, eraseLine)
			}
			return
		}
	}
}

// elapsed tells how long something takes already: "3s of 10s".
func elapsed(d, limit time.Duration) string {
	text := d.Round(time.Second).String()
	if limit > 0 {
		text += " of " + limit.String()
	}
	return text
}
