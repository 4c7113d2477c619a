//go:build !linux

package procgroup

// pipeCapacity returns how many bytes a pipe can hold at most.
func pipeCapacity(uintptr) int { return defaultPipeCapacity }
