package control_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/procgroup/procgroup/control"
	"github.com/procgroup/procgroup/internal/localsock"
	"github.com/procgroup/procgroup/internal/registry"
	"github.com/procgroup/procgroup/internal/server"
	"github.com/procgroup/procgroup/internal/server/servertest"
)

// patience bounds what should take no time.
const patience = 10 * time.Second

// role is the variable that makes the test binary a run of the name that it holds.
const role = "CONTROL_TEST_RUN"

// pipes is the goroutine that go-winio has for all named pipes of Windows.
const pipes = "github.com/Microsoft/go-winio.ioCompletionProcessor"

func TestMain(m *testing.M) {
	if name := os.Getenv(role); name != "" {
		fmt.Println(beRun(name))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(pipes))
}

// beRun makes a run that is served until it is killed, and says its id.
func beRun(name string) error {
	directory, err := registry.Open()
	if err != nil {
		return err
	}
	claim, err := directory.Claim(name)
	if err != nil {
		return err
	}
	info := control.Info{ID: claim.ID, Name: name, State: control.Running}
	record, err := json.Marshal(info)
	if err != nil {
		return err
	}
	if err := claim.Save(record); err != nil {
		return err
	}
	run := servertest.New(info)
	run.Lines = []control.LogLine{{Stream: control.Stdout, Text: "hello"}}
	listener, err := localsock.Listen(claim.Socket)
	if err != nil {
		return err
	}
	fmt.Println(claim.ID)
	return server.New(run).Serve(listener)
}

// startRun starts a process that is a run.
func startRun(t *testing.T, name string) (id string, kill func()) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), role+"="+name)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	kill = func() {
		if !killed {
			killed = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(kill)
	id, err = bufio.NewReader(out).ReadString('\n')
	id = strings.TrimSpace(id)
	if err != nil || len(id) != 12 {
		t.Fatalf("the run says %q, %v", id, err)
	}
	return id, kill
}

// own gives a test a directory of runs of its own.
func own(t *testing.T) *registry.Registry {
	t.Helper()
	dir, err := os.MkdirTemp("", "pg") // the path of a socket has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("LOCALAPPDATA", dir)
	directory, err := registry.Open()
	if err != nil {
		t.Fatal(err)
	}
	return directory
}

// claim makes an entry, which says this about its run.
func claim(t *testing.T, directory *registry.Registry, info control.Info) (*registry.Claim, control.Info) {
	t.Helper()
	c, err := directory.Claim(info.Name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Drop() })
	info.ID, info.Socket = c.ID, c.Socket
	if info.State == "" {
		info.State = control.Running
	}
	info.Created = time.Now()
	if info.Log != "" {
		info.Log = filepath.Join(c.Dir, info.Log)
	}
	if err := c.Save(encode(t, info)); err != nil {
		t.Fatal(err)
	}
	return c, info
}

func encode(t *testing.T, info control.Info) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(info)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// live is a run that is served by the test.
type live struct {
	*servertest.Run
	claim  *registry.Claim
	server *server.Server
	info   control.Info
}

// serve makes a run that is live until the end of the test.
func serve(t *testing.T, directory *registry.Registry, info control.Info) *live {
	t.Helper()
	l := new(live)
	l.claim, l.info = claim(t, directory, info)
	l.Run = servertest.New(l.info)
	l.server = server.New(l.Run)
	listener, err := localsock.Listen(l.claim.Socket)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- l.server.Serve(listener) }()
	t.Cleanup(func() {
		l.shutdown()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return l
}

// shutdown shuts the server down at once.
func (l *live) shutdown() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = l.server.Shutdown(ctx)
}

// end ends the run as a run ends.
func (l *live) end(t *testing.T) {
	t.Helper()
	l.End()
	if err := l.claim.End(encode(t, l.Info())); err != nil {
		t.Fatal(err)
	}
}

// answerWith answers each connection to a socket with a function of the test.
func answerWith(t *testing.T, socket string, f func(net.Conn)) {
	t.Helper()
	listener, err := localsock.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				f(conn)
			}()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
}

// silent reads what it gets and says nothing.
func silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// find finds a run.
func find(t *testing.T, key string) *control.Run {
	t.Helper()
	run, err := control.Find(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = run.Close() })
	return run
}
