package procgroup_test

func init() {
	scenarios = append(scenarios,
		scenario{name: "detached process", payload: []string{"detached", "sleep"}, ready: 1},
		scenario{name: "new process group", payload: []string{"new-group", "sleep"}, ready: 1},
		scenario{name: "new console", payload: []string{"new-console", "sleep"}, ready: 1},
		scenario{name: "no window", payload: []string{"no-window", "sleep"}, ready: 1},
		scenario{
			name: "leader gone, detached grandchild", payload: []string{"await", "leave", "detached", "sleep"},
			ready: 1, leaderGone: true, heldBack: true,
		},
		scenario{name: "breakaway", payload: []string{"spawn", "breakaway", "sleep"}, ready: 1},
		scenario{name: "nested job", payload: []string{"nested", "tree", "1", "2"}, ready: 3},
		scenario{name: "thread storm", payload: []string{"spawn", "threads"}, ready: 1},
		scenario{name: "fork storm", payload: []string{"storm", "3"}, ready: 1},
		scenario{name: "chain of starts and exits", payload: []string{"chain", "200"}, ready: 1, leaderGone: true},
	)
}
