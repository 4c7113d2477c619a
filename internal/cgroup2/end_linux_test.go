package cgroup2

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const patience = 20 * time.Second

// populated makes a cgroup with another one below it, and a process in each.
func populated(t *testing.T, name string) (Dir, []*exec.Cmd) {
	t.Helper()
	own, err := Own()
	if err == nil {
		_, err = Probe(own, fmt.Sprintf("%sprobe-%s", OwnerPrefix(), name))
	}
	if err != nil {
		t.Skip(err)
	}
	d := own.Child(OwnerPrefix() + name)
	t.Cleanup(func() {
		if err := d.End(patience); err != nil {
			t.Error(err)
		}
	})
	var members []*exec.Cmd
	for _, d := range []Dir{d, d.Child("below")} {
		if err := d.Make(); err != nil {
			t.Fatal(err)
		}
		fd, err := d.Open()
		if err != nil {
			t.Fatal(err)
		}
		member := exec.Command("sleep", "300")
		member.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd}
		err = member.Start()
		unix.Close(fd)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = member.Process.Kill()
			_ = member.Wait()
		})
		members = append(members, member)
	}
	return d, members
}

// checkKilled waits for processes, which must have been killed.
func checkKilled(t *testing.T, members []*exec.Cmd) {
	t.Helper()
	for _, member := range members {
		timer := time.AfterFunc(patience, func() {
			t.Error("a member is alive")
			_ = member.Process.Kill()
		})
		_ = member.Wait()
		timer.Stop()
		if status := member.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != unix.SIGKILL {
			t.Errorf("a member ended with %v", member.ProcessState)
		}
	}
}

func TestEnd(t *testing.T) {
	t.Parallel()
	d, members := populated(t, "end")
	if err := d.End(patience); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(d.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v", d.Path, err)
	}
	checkKilled(t, members)
	if err := d.End(0); err != nil {
		t.Errorf("End of what is gone: %v", err)
	}
}

// TestKillEach kills as before Linux 5.14.
func TestKillEach(t *testing.T) {
	t.Parallel()
	d, members := populated(t, "each")
	if err := d.killEach(); err != nil {
		t.Error(err)
	}
	checkKilled(t, members)
	if events, err := d.Events(); err != nil || events.Frozen {
		t.Errorf("afterwards: %+v, %v", events, err)
	}
	if err := d.Remove(patience); err != nil {
		t.Error(err)
	}
}
