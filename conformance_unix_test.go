//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup_test

import "github.com/procgroup/procgroup"

func init() {
	scenarios = append(scenarios,
		scenario{name: "setpgid", payload: []string{"setpgid", "sleep"}, ready: 1},
		scenario{name: "setsid", payload: []string{"setsid", "sleep"}, ready: 1},
		scenario{name: "setsid below setsid", payload: []string{"setsid", "setsid", "tree", "1", "1"}, ready: 2},
		scenario{
			name: "leader gone, setsid grandchild", payload: []string{"await", "leave", "setsid", "sleep"},
			ready: 1, leaderGone: true, heldBack: true,
			escapes: []procgroup.Containment{procgroup.Session},
		},
	)
}
