package procgroup_test

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/internal/proctable"
)

func TestThousandMembers(t *testing.T) { testMembers(t, crowd) }

// A signal that ends a process by default ends a storm: who was not reached forks on.
func TestSignalInForkStorm(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		f.bystander()
		g := newGroup(t, procgroup.Options{Containment: c})
		start(t, g, f.payload("storm", "50"))
		f.awaitReady(1)
		must(t, g.Signal(syscall.SIGTERM))
		must(t, g.Wait(patient(t)))
		f.wantNobody()
	})
}

func TestConflicts(t *testing.T) {
	f := newFixture(t)
	for c, attrs := range map[procgroup.Containment][]syscall.SysProcAttr{
		procgroup.Cgroup:  {{UseCgroupFD: true, CgroupFD: 0}},
		procgroup.Session: {{Setpgid: true}, {Foreground: true}},
	} {
		g, err := procgroup.New(procgroup.Options{Containment: c})
		if err != nil {
			t.Logf("%s does not work here: %v", c, err)
			continue
		}
		for _, attr := range attrs {
			for name, try := range map[string]func(*exec.Cmd) error{"Start": g.Start, "Prepare": g.Prepare} {
				cmd := f.payload("sleep")
				cmd.SysProcAttr = &attr
				if err := try(cmd); !errors.Is(err, procgroup.ErrConflict) {
					t.Errorf("%s with %s and %+v: %v, want ErrConflict", name, c, attr, err)
				}
				if cmd.Process != nil || cmd.SysProcAttr != &attr {
					t.Error("the command was started or changed all the same")
				}
			}
		}
		must(t, g.Close())
	}
	f.wantNobody()
}

func TestCredentialIsKept(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can start a command as another user")
	}
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		cmd := exec.Command("sleep", "1000")
		cmd.Env = append(os.Environ(), payloadEnv+"="+f.mark)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		start(t, g, cmd)
		status, err := os.ReadFile("/proc/" + strconv.Itoa(g.Leader().Pid) + "/status")
		must(t, err)
		if !strings.Contains(string(status), "Uid:\t65534\t") {
			t.Errorf("the command does not run as another user:\n%s", status)
		}
		must(t, g.Stop(patient(t)))
		f.wantNobody()
	})
}

// While a group is frozen for a moment, to reach all of a storm, nothing may be started in
// it: whoever did would hang, and with it the thaw.
func TestStartBesideSignalInForkStorm(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		start(t, g, f.payload("storm", "20"))
		f.awaitReady(1)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for range 5 {
					cmd := f.payload("exit", "0")
					if err := g.Start(cmd); err != nil {
						t.Error(err)
						continue
					}
					if err := cmd.Wait(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 20 {
			runtime.GC() // it waits for threads that are in a clone
			// Whether all of the storm was reached is not the matter here.
			_ = g.Signal(syscall.SIGCONT)
		}
		wg.Wait()
	})
}

// A member that moves itself out of the cgroup is held by the reaper.
func TestStraysAreHeld(t *testing.T) {
	opts := procgroup.Options{Containment: procgroup.Cgroup, WithReaper: true, Grace: patience}
	if g, err := procgroup.New(opts); err != nil {
		t.Skip(err)
	} else {
		must(t, g.Close())
	}
	for _, e := range ends {
		t.Run(e.name, func(t *testing.T) {
			f := newFixture(t)
			f.bystander()
			g := newGroup(t, opts)
			start(t, g, f.payload("stray", "sleep"))
			f.awaitReady(2)
			if list, err := g.Processes(); len(list) != 2 || err != nil {
				t.Errorf("%d processes, %v", len(list), err)
			}
			must(t, g.Pause(patient(t)))
			for _, d := range f.alive() {
				if d.State != proctable.Stopped {
					t.Errorf("a paused stray is not stopped: %v", summary([]proctable.Details{d}))
				}
			}
			must(t, g.Resume(patient(t)))
			e.end(t, g)
			f.wantNobody()
		})
	}
}
