package registry

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/cgroup2"
)

func init() { roles["cgroup"] = claimWithCgroups }

// claimWithCgroups claims a name, makes two cgroups with a process in each, and waits to be
// killed. It says where they are and who is in them.
func claimWithCgroups(r *Registry, name string) error {
	c, err := r.Claim(name)
	if err != nil {
		return err
	}
	own, err := cgroup2.Own()
	if err != nil {
		return err
	}
	if err := c.SetCgroup(own.Path, cgroup2.OwnerPrefix()); err != nil {
		return err
	}
	for number := range 2 {
		dir := own.Child(fmt.Sprint(cgroup2.OwnerPrefix(), number))
		if err := dir.Make(); err != nil {
			return err
		}
		fd, err := dir.Open()
		if err != nil {
			return err
		}
		member := exec.Command("sleep", "300")
		member.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd, Setsid: true}
		if err := member.Start(); err != nil {
			return err
		}
		unix.Close(fd)
		fmt.Println(dir.Path, member.Process.Pid)
	}
	_, err = bufio.NewReader(os.Stdin).ReadString('\n')
	return err
}

// dead starts a process with cgroups, and kills it. It returns the cgroups and pidfds of who is in
// them.
func dead(t *testing.T, r *Registry, name string) (dirs []string, pidfds []int) {
	t.Helper()
	needCgroups(t)
	c := start(t, "cgroup", r, name)
	for range 2 {
		var dir string
		var pid int
		_, err := fmt.Sscan(c.says(t), &dir, &pid)
		must(t, err)
		t.Cleanup(func() { _ = cgroup2.Dir{Path: dir}.End(patience) })
		fd, err := unix.PidfdOpen(pid, 0)
		must(t, err)
		t.Cleanup(func() { unix.Close(fd) })
		dirs, pidfds = append(dirs, dir), append(pidfds, fd)
	}
	c.kill(t)
	checkThere(t, dirs, pidfds)
	return dirs, pidfds
}

// needCgroups skips where no cgroup can be made.
func needCgroups(t *testing.T) {
	t.Helper()
	own, err := cgroup2.Own()
	if err == nil {
		_, err = cgroup2.Probe(own, cgroup2.OwnerPrefix()+"probe-"+newID())
	}
	if err != nil {
		t.Skip(err)
	}
}

// checkThere checks that nobody has touched what a dead run has left.
func checkThere(t *testing.T, dirs []string, pidfds []int) {
	t.Helper()
	for _, dir := range dirs {
		_, err := os.Lstat(dir)
		must(t, err)
	}
	for _, fd := range pidfds {
		polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(polled, 0); n != 0 || err != nil {
			t.Errorf("a member is dead: %d, %v", n, err)
		}
	}
}

// checkGone checks that a dead run has left nothing.
func checkGone(t *testing.T, dirs []string, pidfds []int) {
	t.Helper()
	for _, dir := range dirs {
		if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there: %v", dir, err)
		}
	}
	for _, fd := range pidfds {
		polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(polled, int(patience.Milliseconds())); n != 1 || err != nil {
			t.Errorf("a member is alive: %d, %v", n, err)
		}
	}
}

func TestRemoveDead(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	dirs, pidfds := dead(t, r, "web")
	e := only(t, r)
	if e.Status != Dead {
		t.Fatalf("entry %+v", e)
	}
	must(t, r.Remove(e))
	checkGone(t, dirs, pidfds)
	if got := list(t, r); got != nil {
		t.Errorf("listed: %q", got)
	}
}

func TestClaimNameOfDead(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	dirs, pidfds := dead(t, r, "web")
	claim(t, r, "web")
	checkGone(t, dirs, pidfds)
}

// TestRemoveDeadOfAnotherBoot must not touch what is there now.
func TestRemoveDeadOfAnotherBoot(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	dirs, pidfds := dead(t, r, "web")
	e := only(t, r)
	e.record.BootID = "another"
	must(t, r.write(e.record))
	must(t, r.Remove(e))
	checkThere(t, dirs, pidfds)
}

// TestRemoveEnded must not touch cgroups that a run which could end by itself has left.
func TestRemoveEnded(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	dirs, pidfds := dead(t, r, "web")
	e := only(t, r)
	e.record.Ended = time.Now()
	must(t, r.write(e.record))
	must(t, r.Remove(e))
	checkThere(t, dirs, pidfds)
}

func TestRemoveDeadWithBadCgroups(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]cgroups{
		"no cgroup2":   {t.TempDir(), "procgroup-7-8-9-"},
		"short prefix": {"/sys/fs/cgroup", "procgroup-"},
		"relative":     {"sys/fs/cgroup", "procgroup-7-8-9-"},
	} {
		if err := c.end(); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]cgroups{
		"none":      {},
		"not there": {filepath.Join(t.TempDir(), "x"), "procgroup-7-8-9-"},
	} {
		if err := c.end(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSetCgroup(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	c := claim(t, r, "")
	if err := c.SetCgroup("/sys/fs/cgroup", "procgroup-"); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("a prefix that is everybody's: %v", err)
	}
	must(t, c.SetCgroup("/sys/fs/cgroup", cgroup2.OwnerPrefix()))
	must(t, c.Save([]byte(`{}`)))
	if e := only(t, r); e.record.Cgroups != (cgroups{"/sys/fs/cgroup", cgroup2.OwnerPrefix()}) {
		t.Errorf("entry %+v", e)
	}
	if !strings.HasPrefix(cgroup2.OwnerPrefix(), fmt.Sprintf("procgroup-%d-", os.Getpid())) {
		t.Errorf("prefix %s", cgroup2.OwnerPrefix())
	}
}
