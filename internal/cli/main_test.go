package cli

import (
	"maps"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/procgroup/procgroup"
)

// TestMain makes the test binary, run again, the program and its payloads.
func TestMain(m *testing.M) {
	procgroup.Init()
	// With the race detector a process would wait for a second before it exits.
	os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	commands := map[string]func(){
		"procgroup": func() { os.Exit(Main()) },
	}
	maps.Copy(commands, payloads)
	maps.Copy(commands, systemPayloads)
	testscript.Main(m, commands)
}
