package events

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
)

// schema is as much of docs/events.schema.json as is checked here.
type schema struct {
	Required   []string
	Properties map[string]property
	AllOf      []struct {
		If struct {
			Properties struct{ Event struct{ Const Kind } }
		}
		Then struct{ Required []string }
	}
}

type property struct {
	Description string
	Type        string
	Enum        []control.Reason
	Examples    []Kind
	Pattern     string
	Const       any
}

func readSchema(t *testing.T) schema {
	t.Helper()
	data, err := os.ReadFile("../../docs/events.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

var kinds = []Kind{Started, Ready, Paused, Resumed, Leftover, Limit, Exited, Restarted, Stopped}

// examples has an event of each kind.
func examples() map[Kind]Event {
	status := 0
	base := Event{Version: Version, Time: time.Now().UTC(), ID: "0123456789ab", Name: "web"}
	list := make(map[Kind]Event)
	for _, kind := range kinds {
		e := base
		e.Event = kind
		switch kind {
		case Started:
			e.PID, e.Command, e.Containment = 7, []string{"sh", "-c", "a <b"}, procgroup.Cgroup
		case Ready:
			e.PID = 7
		case Leftover:
			e.PIDs = []int{8, 9}
		case Limit:
			e.Reason, e.Message = control.ReasonTimeout, "1m0s"
		case Exited:
			e.PID, e.Status, e.Reason, e.Signal = 7, &status, control.ReasonSignaled, "KILL"
		case Restarted:
			e.Restarts, e.Delay = 1, time.Second
		case Stopped:
			e.Status, e.Reason = &status, control.ReasonExited
		}
		list[kind] = e
	}
	return list
}

// The properties of the schema are the fields of Event, each with a description.
func TestSchemaFields(t *testing.T) {
	var fields []string
	for f := range reflect.TypeFor[Event]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields = append(fields, name)
	}
	s := readSchema(t)
	if got, want := slices.Sorted(maps.Keys(s.Properties)), slices.Sorted(slices.Values(fields)); !slices.Equal(got, want) {
		t.Errorf("the schema has %q, Event has %q", got, want)
	}
	for name, p := range s.Properties {
		if p.Description == "" {
			t.Errorf("%s has no description", name)
		}
	}
	if v := s.Properties["version"].Const; v != float64(Version) {
		t.Errorf("the schema is for version %v", v)
	}
}

// Each kind of event has its rule, its word in the description, and nothing else has.
func TestSchemaKinds(t *testing.T) {
	s := readSchema(t)
	var rules []Kind
	for _, rule := range s.AllOf {
		rules = append(rules, rule.If.Properties.Event.Const)
	}
	event := s.Properties["event"]
	if !slices.Equal(rules, kinds) && len(rules) != len(kinds) || !slices.Equal(event.Examples, kinds) {
		t.Errorf("rules for %q, examples %q, want %q", rules, event.Examples, kinds)
	}
	for _, kind := range kinds {
		if !slices.Contains(rules, kind) || !strings.Contains(event.Description, string(kind)+": ") {
			t.Errorf("%s has no rule or no description", kind)
		}
	}
}

func TestSchemaExamples(t *testing.T) {
	s := readSchema(t)
	for kind, e := range examples() {
		line, err := e.line()
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range s.check(t, line) {
			t.Errorf("%s: %s: %s", kind, problem, line)
		}
	}
	for line, want := range map[string]string{
		`{"version":1,"event":"paused"}`: "no time",
		`{"version":1,"time":"2026-11-22T20:00:00Z","event":"exited","reason":"exited"}`:        "no status",
		`{"version":1,"time":"2026-11-22T20:00:00Z","event":"paused","restarts":"1"}`:           "restarts is no integer",
		`{"version":1,"time":"2026-11-22T20:00:00Z","event":"paused","id":"X"}`:                 "id does not match",
		`{"version":2,"time":"2026-11-22T20:00:00Z","event":"paused"}`:                          "version is another",
		`{"version":1,"time":"2026-11-22T20:00:00Z","event":"limit","reason":"a","message":""}`: "reason is another",
	} {
		if got := s.check(t, []byte(line)); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// check says what is wrong with a line.
func (s schema) check(t *testing.T, line []byte) (problems []string) {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(line, &fields); err != nil {
		t.Fatal(err)
	}
	required := s.Required
	for _, rule := range s.AllOf {
		if string(rule.If.Properties.Event.Const) == fields["event"] {
			required = slices.Concat(required, rule.Then.Required)
		}
	}
	for _, name := range required {
		if _, ok := fields[name]; !ok {
			problems = append(problems, "no "+name)
		}
	}
	for name, value := range fields {
		p := s.Properties[name]
		text, _ := value.(string)
		switch {
		case p.Type != "" && p.Type != typeOf(value):
			problems = append(problems, name+" is no "+p.Type)
		case p.Pattern != "" && !regexp.MustCompile(p.Pattern).MatchString(text):
			problems = append(problems, name+" does not match")
		case p.Const != nil && p.Const != value, p.Enum != nil && !slices.Contains(p.Enum, control.Reason(text)):
			problems = append(problems, name+" is another")
		}
	}
	return problems
}

// typeOf returns the name that a schema has for the type of a value.
func typeOf(value any) string {
	switch value := value.(type) {
	case string:
		return "string"
	case []any:
		return "array"
	case float64:
		if value == float64(int64(value)) {
			return "integer"
		}
		return "number"
	}
	return ""
}
