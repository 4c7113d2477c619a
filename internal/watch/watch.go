// Package watch tells when a process exits or a kernel file has news, with one
// goroutine, and no thread of its own, for everything that is watched in the
// program. It runs only while something is watched.
package watch
