// Package jobobject makes job objects of Windows usable from Go: what is missing in
// golang.org/x/sys/windows, and what has to be known of its traps. It knows nothing of
// groups.
package jobobject
