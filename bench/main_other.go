//go:build !linux

// Bench measures procgroup. So far it does so on Linux only.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: measures on Linux only")
	os.Exit(1)
}
