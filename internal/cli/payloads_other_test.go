//go:build !linux

package cli

var payloads map[string]func()
