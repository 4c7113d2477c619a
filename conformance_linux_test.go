package procgroup_test

import "github.com/procgroup/procgroup"

func init() {
	onlySession := []procgroup.Containment{procgroup.Session}
	scenarios = append(scenarios,
		scenario{name: "vfork", payload: []string{"vfork"}, ready: 1},
		scenario{name: "fork storm", payload: []string{"storm", "20"}, ready: 1},
		scenario{name: "setsid storm", payload: []string{"storm", "20", "setsid"}, ready: 1, unsteady: onlySession},
		scenario{name: "chain of forks and exits", payload: []string{"chain", "5000"}, ready: 1, leaderGone: true},
		scenario{name: "sub-cgroups", payload: []string{"subcgroup"}, ready: 3, only: procgroup.Cgroup},
	)
}
