//go:build darwin || netbsd || openbsd

package procgroup

// mechanisms are the containments of the Unix systems that have no other.
var mechanisms = []mechanism{sessionMechanism}
