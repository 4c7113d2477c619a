package registry

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience bounds what should take no time.
const patience = 20 * time.Second

// roles are what the test binary does when it is run again.
var roles = map[string]func(r *Registry, name string) error{"claim": claimAndWait}

func TestMain(m *testing.M) {
	role, ok := roles[os.Getenv("PROCGROUP_TEST_ROLE")]
	if !ok {
		os.Exit(m.Run())
	}
	r, err := openAt(os.Getenv("PROCGROUP_TEST_DIR"))
	if err == nil {
		err = role(r, os.Getenv("PROCGROUP_TEST_NAME"))
	}
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// claimAndWait claims a name when it is told to, says which id it is, and waits.
func claimAndWait(r *Registry, name string) error {
	in := bufio.NewReader(os.Stdin)
	fmt.Println("ready")
	if _, err := in.ReadString('\n'); err != nil {
		return err
	}
	c, err := r.Claim(name)
	if errors.Is(err, ErrTaken) {
		fmt.Println("taken")
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Println("claimed", c.ID)
	_, err = io.Copy(io.Discard, in)
	return err
}

// claimant is a process that has a role.
type claimant struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// start starts a claimant, which ends with the test.
func start(t *testing.T, role string, r *Registry, name string) *claimant {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PROCGROUP_TEST_ROLE="+role, "PROCGROUP_TEST_DIR="+r.path,
		"PROCGROUP_TEST_NAME="+name, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &claimant{cmd, in, bufio.NewReader(out)}
}

// says returns the next line of a claimant.
func (c *claimant) says(t *testing.T) string {
	t.Helper()
	limit := time.AfterFunc(patience, func() { _ = c.Process.Kill() })
	defer limit.Stop()
	line, err := c.out.ReadString('\n')
	must(t, err)
	return strings.TrimSpace(line)
}

// tell lets a claimant go on.
func (c *claimant) tell(t *testing.T) {
	t.Helper()
	_, err := fmt.Fprintln(c.in)
	must(t, err)
}

// kill kills a claimant with what it has.
func (c *claimant) kill(t *testing.T) {
	t.Helper()
	must(t, c.Process.Kill())
	_ = c.Wait()
}

// newRegistry opens a new directory.
func newRegistry(t *testing.T) *Registry {
	t.Helper()
	r, err := openAt(filepath.Join(t.TempDir(), "procgroup"))
	must(t, err)
	t.Cleanup(func() { r.Close() })
	return r
}

// claim makes an entry, which is dropped at the end of the test if it is there still.
func claim(t *testing.T, r *Registry, name string) *Claim {
	t.Helper()
	c, err := r.Claim(name)
	must(t, err)
	t.Cleanup(func() { _ = c.Drop() })
	return c
}

// list returns "id name status" of each entry.
func list(t *testing.T, r *Registry) []string {
	t.Helper()
	entries, err := r.List()
	must(t, err)
	var lines []string
	for _, e := range entries {
		lines = append(lines, strings.Join([]string{e.ID, e.Name, string(e.Status)}, " "))
	}
	return lines
}

// names returns what is in a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, entry := range list {
		names = append(names, entry.Name())
	}
	return names
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
