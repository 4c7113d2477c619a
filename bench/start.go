//go:build linux

package main

import (
	"context"
	"errors"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup"
)

// startBudgets are how much longer a start and a wait may take than with os/exec.
var startBudgets = map[string]float64{"cgroup": 1.15, "session": 1.03, "reaper": 1.5}

// startBenches measure starting a program that ends at once, and waiting for it.
func startBenches(opts procgroup.Options) []bench {
	name := opts.Containment.String()
	against := func(part string, budget float64, withGroup func(program string) (trial, func() error, error)) bench {
		return bench{name + "/start/" + part, func(ctx context.Context, rounds int) ([]result, error) {
			program, err := exec.LookPath("true")
			if err != nil {
				return nil, err
			}
			a, done, err := withGroup(program)
			if err != nil {
				return nil, err
			}
			plain := timed(func(context.Context) error { return exec.Command(program).Run() })
			p, err := alternate(ctx, rounds, a, plain)
			if err = errors.Join(err, done()); err != nil {
				return nil, err
			}
			return []result{ratioResult(p, budget, "of exec.Cmd")}, nil
		}}
	}
	budget := startBudgets[name]
	list := []bench{
		against("cmd", budget, func(program string) (trial, func() error, error) {
			return cmdRun(opts, program), func() error { return nil }, nil
		}),
		against("group", budget, func(program string) (trial, func() error, error) {
			return groupRun(opts, program), func() error { return nil }, nil
		}),
		against("shared", budget, func(program string) (trial, func() error, error) {
			g, err := procgroup.New(opts)
			if err != nil {
				return nil, nil, err
			}
			return timed(func(context.Context) error { return startAndWait(g, program) }), g.Close, nil
		}),
	}
	if floor, ok := floors[opts.Containment]; ok {
		// What the kernel takes for the same, with no library in between.
		list = append(list, against("floor", 0, func(program string) (trial, func() error, error) {
			return floor(program), func() error { return nil }, nil
		}))
	}
	return list
}

// floors are the bare calls that a containment cannot do without.
var floors = map[procgroup.Containment]func(program string) trial{
	procgroup.Cgroup: func(program string) trial {
		return timed(func(context.Context) error { return bareCgroupRun(program) })
	},
	procgroup.Session: func(program string) trial {
		return timed(func(context.Context) error {
			cmd := exec.Command(program)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			return cmd.Run()
		})
	},
}

// bareCgroupRun runs a program in a cgroup that is made for it and removed after it.
func bareCgroupRun(program string) error {
	c, err := newBareCgroup()
	if err != nil {
		return err
	}
	cmd := exec.Command(program)
	if err := c.start(cmd); err != nil {
		return errors.Join(err, unix.Rmdir(c.dir))
	}
	return errors.Join(cmd.Wait(), unix.Rmdir(c.dir))
}

// cmdRun is Cmd.Run.
func cmdRun(opts procgroup.Options, program string) trial {
	return timed(func(context.Context) error {
		cmd := procgroup.Command(program)
		cmd.Options = opts
		return cmd.Run()
	})
}

// groupRun is a Group from New to Close around one command.
func groupRun(opts procgroup.Options, program string) trial {
	return timed(func(context.Context) error {
		g, err := procgroup.New(opts)
		if err != nil {
			return err
		}
		return errors.Join(startAndWait(g, program), g.Close())
	})
}

func startAndWait(g *procgroup.Group, program string) error {
	cmd := exec.Command(program)
	if err := g.Start(cmd); err != nil {
		return err
	}
	return cmd.Wait()
}
