package cli

import (
	"strings"
	"testing"
)

func TestFilters(t *testing.T) {
	for _, test := range []struct{ given, want string }{
		{"", "web abcdef012345 worker"},
		{"name=w*", "web worker"},
		{"name=web name=worker", "web worker"},
		{"name=[^w]*", ""},
		{"name=", "abcdef012345"},
		{"id=ab", "abcdef012345"},
		{"id=ab id=ff", "abcdef012345 worker"},
		{"state=exited", "abcdef012345"},
		{"state=running state=restarting name=we?", "web"},
		{"containment=cgroup containment=reaper", "web worker"},
		{"ready=true", "web"},
		{"ready=false", "worker"},
		{"detached=true", "web"},
		{"detached=false ready=true", ""},
	} {
		var f filters
		for _, text := range strings.Fields(test.given) {
			if err := f.add(text); err != nil {
				t.Fatal(err)
			}
		}
		var names []string
		for _, info := range exampleInfos() {
			if f.match(info) {
				names = append(names, nameOf(info))
			}
		}
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("%s: got %q, want %q", test.given, got, test.want)
		}
	}
}

func TestFilterErrors(t *testing.T) {
	for text, want := range map[string]string{
		"name":              "must be KEY=VALUE",
		"color=red":         `no filter is called "color" (there are name, id, state, containment, ready, detached)`,
		"name=[":            `syntax error in pattern in "["`,
		"state=asleep":      `no state is called "asleep"`,
		"ready=1":           `"1" is neither true nor false`,
		"detached=":         `"" is neither true nor false`,
		"containment=gosub": "containment",
	} {
		var f filters
		err := f.add(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want %s", text, err, want)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"name=w*", "name=[a-", "id=ab", "state=exited", "containment=cgroup", "ready=true", "=", "detached"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var chosen filters
		if chosen.add(text) != nil {
			if len(chosen) > 0 {
				t.Errorf("%q is an error, and a filter", text)
			}
			return
		}
		for _, info := range exampleInfos() {
			chosen.match(info)
		}
	})
}
