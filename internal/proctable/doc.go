// Package proctable reads the system's process table and signals processes by
// identity: by number and start time, of which the number alone may be given to
// another process when the first is gone.
//
// Each system has its own file with all, younger, lookup, inspect, measure,
// resting and signal. On Windows they take a Snapshot each; who wants to learn much
// at once takes one itself.
package proctable
