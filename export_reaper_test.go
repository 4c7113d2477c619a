//go:build linux || dragonfly || freebsd

package procgroup

func init() { endIdle = endIdleReapers }
