//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup"
)

// noticeBudget is the median time in which Wait has to return after the last exit.
const noticeBudget = time.Millisecond

// long is an age at which the kernel tells of changes at once, brief one at which it
// holds the notice back.
const (
	long  = 50 * time.Millisecond
	brief = 2 * time.Millisecond
)

// grandchildScript starts a process, tells its number and ends.
const grandchildScript = `read -r _ <&3 & echo $!`

// noticeBenches measure the time from the last member's SIGKILL to the return of Wait.
// Its exit is part of that time.
func noticeBenches(opts procgroup.Options) []bench {
	situation := func(part string, age time.Duration, last func(*procgroup.Group) (*exec.Cmd, int, error)) bench {
		name := opts.Containment.String() + "/notice/" + part
		return bench{name, func(ctx context.Context, rounds int) ([]result, error) {
			var times samples
			for range max(rounds/4, 3) {
				took, err := notice(ctx, opts, age, last)
				if err != nil {
					return nil, err
				}
				times = append(times, took.Seconds())
			}
			return []result{timeResult(times, noticeBudget)}, nil
		}}
	}
	return []bench{
		situation("late", long, lastIsLeader),
		situation("at-once", brief, lastIsLeader),
		situation("grandchild", long, lastIsGrandchild),
	}
}

// notice starts what becomes the last member of a group, kills it at an age, and tells
// how much later Wait returns.
func notice(ctx context.Context, opts procgroup.Options, age time.Duration,
	last func(*procgroup.Group) (*exec.Cmd, int, error),
) (took time.Duration, err error) {
	g, err := procgroup.New(opts)
	if err != nil {
		return 0, err
	}
	leader, pidfd, err := last(g)
	defer func() { err = errors.Join(err, g.Close(), reap(leader)) }()
	if err != nil {
		return 0, err
	}
	defer unix.Close(pidfd)
	type outcome struct {
		at  time.Time
		err error
	}
	empty := make(chan outcome, 1)
	go func() {
		err := g.Wait(ctx)
		empty <- outcome{time.Now(), err}
	}()
	if err := pass(ctx, age); err != nil {
		return 0, err
	}
	killed := time.Now()
	if err := unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0); err != nil {
		return 0, os.NewSyscallError("pidfd_send_signal", err)
	}
	seen := <-empty
	return seen.at.Sub(killed), seen.err
}

// lastIsLeader starts a group of one.
func lastIsLeader(g *procgroup.Group) (leader *exec.Cmd, pidfd int, err error) {
	leader, err = shell("read -r _ <&3")
	if err != nil {
		return nil, -1, err
	}
	if err := g.Start(leader); err != nil {
		return nil, -1, err
	}
	pidfd, err = unix.PidfdOpen(leader.Process.Pid, 0)
	return leader, pidfd, os.NewSyscallError("pidfd_open", err)
}

// lastIsGrandchild starts a group of which the leader has ended, and is reaped.
func lastIsGrandchild(g *procgroup.Group) (leader *exec.Cmd, pidfd int, err error) {
	leader, err = shell(grandchildScript)
	if err != nil {
		return nil, -1, err
	}
	said, err := startAndListen(leader, g.Start)
	if err != nil {
		return leader, -1, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(said))
	if err != nil {
		return leader, -1, fmt.Errorf("leader said %q: %w", said, err)
	}
	if err := leader.Wait(); err != nil {
		return nil, -1, err
	}
	// It sleeps until it is killed, so the number is still its own.
	pidfd, err = unix.PidfdOpen(pid, 0)
	return nil, pidfd, os.NewSyscallError("pidfd_open", err)
}
