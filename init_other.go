//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd)

package procgroup

func initHelpers() {}
