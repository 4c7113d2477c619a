package procgroup_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/internal/cgroup2"
	"github.com/procgroup/procgroup/internal/proctable"
)

func init() {
	payloads["uninitialized"] = func(args []string) { useLibrary(args[0]) }
	payloads["initialized"] = func(args []string) {
		procgroup.Init()
		useLibrary(args[0])
	}
	ownerPhases["between spawn and registration"] = func(g *procgroup.Group, tree []string) {
		cmd := payloadCommand(tree...)
		if err := errors.Join(g.Prepare(cmd), cmd.Start()); err != nil {
			panic(err)
		}
		ready()
	}
	deaths = append(deaths,
		death{phase: "between spawn and registration", tree: []string{"spawn", "release"}, ready: 1, short: true})
}

// cgroupsOf returns the directories of an owner's groups.
func cgroupsOf(t *testing.T, owner int) []string {
	own, err := cgroup2.Own()
	if err != nil {
		return nil
	}
	dirs, err := filepath.Glob(filepath.Join(own.Path, fmt.Sprintf("procgroup-%d-*", owner)))
	must(t, err)
	return dirs
}

// helper waits for a helper of an owner, other than one that is known, and returns it.
func (f *fixture) helper(owner int, role string, other int) proctable.Details {
	f.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); runtime.Gosched() {
		for _, d := range helpers(f.t, owner) {
			if d.PID != other && d.Command[0] == "procgroup "+role && d.Name != "procgroup-mirro" {
				return d
			}
		}
	}
	f.t.Fatalf("there is no %s", role)
	return proctable.Details{}
}

func TestGuardianIsReplaced(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		owner := f.owner(c, "running", "tree", "1", "2")
		f.awaitReady(3)
		first := f.helper(owner.Process.Pid, "guardian", 0)
		must(t, proctable.Signal(first.ID, unix.SIGKILL))
		second := f.helper(owner.Process.Pid, "guardian", first.PID)
		if second.Parent != owner.Process.Pid {
			t.Errorf("the new guardian's parent is %d", second.Parent)
		}
		must(t, owner.Process.Kill())
		_ = owner.Wait()
		f.awaitNobody(owner.Process.Pid)
	})
}

func TestGuaranteesAreTrueWhenTheGuardianIsKilled(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		start(t, g, f.payload("sleep"))
		f.awaitReady(1)
		for range 5 {
			if !g.Guarantees().Has(procgroup.DiesWithOwner) {
				t.Fatal("the group does not die with its owner")
			}
			killed := procgroup.GuardianPID()
			must(t, unix.Kill(killed, unix.SIGKILL))
			for procgroup.GuardianPID() == killed {
				runtime.Gosched()
			}
			// Whatever is said now, a start works.
			cmd := f.payload("exit", "0")
			start(t, g, cmd)
			must(t, cmd.Wait())
			for !g.Guarantees().Has(procgroup.DiesWithOwner) {
				runtime.Gosched()
			}
		}
		must(t, g.Kill())
		must(t, g.Wait(patient(t)))
	})
}

func TestStoppedOwnerIsNotDead(t *testing.T) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		owner := f.owner(c, "running", "tree", "1", "2")
		f.awaitReady(3)
		must(t, owner.Process.Signal(unix.SIGSTOP))
		// That nothing happens can only be waited for.
		time.Sleep(50 * time.Millisecond)
		members := 0
		for _, d := range f.alive() {
			if slices.Contains(d.Command, "tree") && !slices.Contains(d.Command, "owner") {
				members++
			}
		}
		if members != 3 {
			t.Errorf("%d of 3 members live", members)
		}
		must(t, owner.Process.Kill())
		_ = owner.Wait()
		f.awaitNobody(owner.Process.Pid)
	})
}

// A reaper that is killed leaves its members to the guardian.
func TestKilledReaper(t *testing.T) {
	f := newFixture(t)
	f.bystander()
	for _, tree := range [][]string{{"tree", "2", "2"}, {"daemon", "sleep"}} {
		g, err := procgroup.New(procgroup.Options{Containment: procgroup.Reaper})
		if err != nil {
			t.Skip(err)
		}
		cmd := f.payload(tree...)
		must(t, g.Start(cmd))
		f.awaitReady(map[string]int{"tree": 7, "daemon": 2}[tree[0]])
		leader, err := proctable.Lookup(g.Leader().Pid)
		must(t, err)
		done := g.Done()
		must(t, unix.Kill(leader.Parent, unix.SIGKILL))
		<-done
		f.wantNobody()
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Errorf("the command ended with %v", err)
		}
		again := f.payload("exit", "3")
		must(t, g.Start(again))
		if err := again.Wait(); err == nil || again.ProcessState.ExitCode() != 3 {
			t.Errorf("the next command ended with %v", err)
		}
		must(t, g.Close())
	}
}

func TestHelperKeepsToItself(t *testing.T) {
	f := newFixture(t)
	g := newGroup(t, procgroup.Options{Containment: procgroup.Reaper})
	start(t, g, f.payload("sleep"))
	f.awaitReady(1)
	leader, err := proctable.Lookup(g.Leader().Pid)
	must(t, err)
	for role, pid := range map[string]int{"guardian": procgroup.GuardianPID(), "reaper": leader.Parent} {
		e, err := proctable.Lookup(pid)
		must(t, err)
		d, err := proctable.Inspect(e.ID)
		must(t, err)
		want := []string{"procgroup " + role, "for", strconv.Itoa(os.Getpid()), filepath.Base(os.Args[0])}
		if !slices.Equal(d.Command, want) {
			t.Errorf("the arguments are %q, want %q", d.Command, want)
		}
		if d.Session != pid {
			t.Errorf("the %s is in session %d", role, d.Session)
		}
		for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGTERM, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU, unix.SIGUSR1} {
			must(t, unix.Kill(pid, sig))
		}
		ours := describeFiles(os.Getpid())
		for _, file := range describeFiles(pid) {
			if slices.Contains(ours, file) && strings.HasPrefix(file, "pipe:") {
				t.Errorf("the %s holds our %s", role, file)
			}
		}
	}
	if err := g.Resume(patient(t)); err != nil || !g.Active() || !g.Guarantees().Has(procgroup.DiesWithOwner) {
		t.Errorf("the helpers do not work after signals: %v", err)
	}
}

func describeFiles(pid int) []string {
	var list []string
	names, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, name := range names {
		if target, err := os.Readlink(name); err == nil {
			list = append(list, target)
		}
	}
	return list
}

// useLibrary says on standard output what a program gets that asks for guarantees.
func useLibrary(containment string) {
	var c procgroup.Containment
	_ = c.UnmarshalText([]byte(containment))
	for _, required := range []procgroup.Guarantees{0, procgroup.DiesWithOwner} {
		g, err := procgroup.New(procgroup.Options{Containment: c, Require: required})
		if err != nil {
			fmt.Println("error:", errors.Is(err, errors.ErrUnsupported), err)
			continue
		}
		cmd := exec.Command("true")
		err = g.Start(cmd)
		if err == nil {
			err = cmd.Wait()
		}
		fmt.Println("ran:", g.Guarantees(), err, g.Close())
	}
}

func TestProgramWithoutInit(t *testing.T) {
	f := newFixture(t)
	for c, want := range map[procgroup.Containment][]string{
		procgroup.Cgroup: {"ran: no-escape,atomic-pause,accounting <nil> <nil>",
			"cgroup does not guarantee dies-with-owner (there is no guardian: the program does not call procgroup.Init first in main"},
		procgroup.Reaper:  {"reaper is not available: the program does not call procgroup.Init first in main", "Init"},
		procgroup.Session: {"ran: none <nil> <nil>", "session does not guarantee dies-with-owner (there is no guardian"},
	} {
		if c == procgroup.Cgroup && procgroup.Survey()[0].Err != nil {
			continue
		}
		out, err := f.payload("uninitialized", c.String()).Output()
		must(t, err)
		lines := strings.Split(string(out), "\n")
		for i, part := range want {
			if !strings.Contains(lines[i], part) {
				t.Errorf("with %s: %q does not say %q", c, lines[i], part)
			}
		}
	}
}

// A program with raised privileges starts no helper: anybody could tell it what to do.
func TestRaisedPrivileges(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make a program that runs as root")
	}
	f := newFixture(t)
	dir, err := os.MkdirTemp("", "procgroup")
	must(t, err)
	defer os.RemoveAll(dir)
	must(t, os.Chmod(dir, 0o755))
	self, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	program := filepath.Join(dir, "raised")
	must(t, os.WriteFile(program, self, 0o755))
	must(t, os.Chmod(program, 0o755|os.ModeSetuid))
	cmd := f.payload("initialized", "session")
	cmd.Path = program
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.Output()
	must(t, err)
	if strings.Contains(string(out), "dies-with-owner <nil>") {
		t.Skip("programs get no raised privileges here")
	}
	if !strings.Contains(string(out), "raised privileges") {
		t.Errorf("a program with raised privileges is told %s", out)
	}
	// And a helper that finds itself so refuses.
	for _, role := range []string{"procgroup guardian", "procgroup reaper", "procgroup mirror"} {
		wantRefused(t, &exec.Cmd{Path: program, Args: []string{role, "for", "1", "x"}, Dir: "/",
			SysProcAttr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}}, "raised privileges")
	}
}

func TestForeignInvocation(t *testing.T) {
	for _, role := range []string{"procgroup guardian", "procgroup reaper", "procgroup mirror"} {
		wantRefused(t, &exec.Cmd{Path: "/proc/self/exe", Args: []string{role}}, "programs that use procgroup")
		null, err := os.Open(os.DevNull)
		must(t, err)
		wantRefused(t, &exec.Cmd{Path: "/proc/self/exe", Args: []string{role, "3", "0"}, ExtraFiles: []*os.File{null}},
			"programs that use procgroup")
		null.Close()
	}
}

func wantRefused(t *testing.T, cmd *exec.Cmd, why string) {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	_ = cmd.Run()
	if cmd.ProcessState.ExitCode() != 125 || !strings.Contains(stderr.String(), why) {
		t.Errorf("%q ended with %v and said %q", cmd.Args, cmd.ProcessState, &stderr)
	}
}

// What a command finds is the same as with os/exec.
func TestCommandSeesNoDifference(t *testing.T) {
	script := `grep -E '^(SigIgn|SigBlk|SigCgt|Umask|NoNewPrivs|Seccomp|Uid|Gid|Groups|Cap...|Cpus_allowed|Mems_allowed):' /proc/self/status
		ls /proc/self/fd; env | sort; pwd -P; cat /proc/self/limits; cat /proc/self/oom_score_adj`
	command := func() *exec.Cmd {
		cmd := exec.Command("sh", "-c", script)
		cmd.Dir = "/proc"
		return cmd
	}
	want, err := command().CombinedOutput()
	must(t, err)
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		f := newFixture(t)
		for _, plain := range []bool{true, false} {
			g := newGroup(t, procgroup.Options{Containment: c})
			cmd := command()
			var out bytes.Buffer
			if plain {
				tree := &procgroup.Cmd{Cmd: cmd, Options: procgroup.Options{Containment: c}}
				got, err := tree.CombinedOutput()
				must(t, err)
				out.Write(got)
			} else {
				cmd.Stdout, cmd.Stderr = &out, &out
				start(t, g, cmd)
				must(t, cmd.Wait())
			}
			if out.String() != string(want) {
				t.Errorf("plain %v: the command finds\n%s\nwant\n%s", plain, &out, want)
			}
		}
		f.wantNobody()
	})
}

// How a command ends is seen as with os/exec.
func TestEndIsMirrored(t *testing.T) {
	forEachStart(t, func(t *testing.T, c procgroup.Containment, stdout io.Writer) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		run := func(script string) *os.ProcessState {
			cmd := exec.Command("sh", "-c", script)
			cmd.Stdout = stdout
			start(t, g, cmd)
			_ = cmd.Wait()
			return cmd.ProcessState
		}
		for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGSEGV, syscall.SIGABRT, syscall.SIGUSR2, 40} {
			state := run(fmt.Sprintf("ulimit -c 0; kill -%d $$", int(sig)))
			status := state.Sys().(syscall.WaitStatus)
			if !status.Signaled() || status.Signal() != sig {
				t.Errorf("%v, want %v", state, sig)
			}
		}
		for _, code := range []int{0, 1, 77, 255} {
			if state := run(fmt.Sprintf("exit %d", code)); state.ExitCode() != code {
				t.Errorf("%v, want %d", state, code)
			}
		}
		f.wantNobody()
	})
}

func TestProcessPassesSignalsOn(t *testing.T) {
	forEachStart(t, func(t *testing.T, c procgroup.Containment, stdout io.Writer) {
		f := newFixture(t)
		g := newGroup(t, procgroup.Options{Containment: c})
		cmd := f.payload("handle")
		cmd.Stdout = stdout
		start(t, g, cmd)
		f.awaitReady(1)
		for _, sig := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGINT} {
			must(t, cmd.Process.Signal(sig))
			words, pids := f.hear(1)
			if words[0] != "got-"+strconv.Itoa(int(sig)) || pids[0] != g.Leader().Pid {
				t.Errorf("%v says %v, want %v from %d", pids, words, sig, g.Leader().Pid)
			}
		}
		must(t, cmd.Process.Kill())
		_ = cmd.Wait()
		must(t, g.Wait(patient(t)))
		f.wantNobody()
	})
}
