//go:build !linux && !windows

package cli

// There are no tests of these systems alone.
var (
	conditions     map[string]func() bool
	systemPayloads map[string]func()
)
