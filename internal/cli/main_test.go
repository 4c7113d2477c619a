package cli

import (
	"maps"
	"os"
	"runtime"
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
	testscript.Main(elsewhere{m}, commands)
}

// elsewhere runs the tests with a directory for runs of their own.
type elsewhere struct{ m *testing.M }

func (e elsewhere) Run() int {
	dir, err := os.MkdirTemp("", "procgroup-test-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	os.Setenv(runtimeDirEnv, dir)
	return e.m.Run()
}

// runtimeDirEnv is the variable that names the directory in which the user's runs are found.
var runtimeDirEnv = map[bool]string{true: "LOCALAPPDATA", false: "XDG_RUNTIME_DIR"}[runtime.GOOS == "windows"]
