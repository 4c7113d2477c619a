package cli

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
)

// filters choose among runs: those of one key are alternatives, and all keys must be met.
type filters map[string][]func(control.Info) bool

// filterKeys are what can be filtered by, in the order in which it is told.
var filterKeys = []string{"name", "id", "state", "containment", "ready", "detached"}

// states are all that a run can be in.
var states = []control.State{
	control.Starting, control.Running, control.Paused, control.Stopping, control.Restarting,
	control.Exited, control.Dead, control.Silent,
}

// add adds a filter, KEY=VALUE.
func (f *filters) add(text string) error {
	key, want, ok := strings.Cut(text, "=")
	if !ok {
		return errors.New("must be KEY=VALUE")
	}
	match, err := newFilter(key, want)
	if err != nil {
		return err
	}
	if *f == nil {
		*f = make(filters)
	}
	(*f)[key] = append((*f)[key], match)
	return nil
}

func (f filters) has(key string) bool { return len(f[key]) > 0 }

func (f filters) match(info control.Info) bool {
	for _, alternatives := range f {
		if !slices.ContainsFunc(alternatives, func(match func(control.Info) bool) bool { return match(info) }) {
			return false
		}
	}
	return true
}

// value returns the filters as the value of a flag.
func (f *filters) value() *value { return &value{kind: "filter", read: f.add} }

func newFilter(key, want string) (func(control.Info) bool, error) {
	switch key {
	case "name":
		if _, err := path.Match(want, ""); err != nil {
			return nil, fmt.Errorf("%w in %q", err, want)
		}
		return func(info control.Info) bool {
			matches, err := path.Match(want, info.Name)
			return err == nil && matches
		}, nil
	case "id":
		return func(info control.Info) bool { return strings.HasPrefix(info.ID, want) }, nil
	case "state":
		state := control.State(want)
		if !slices.Contains(states, state) {
			return nil, fmt.Errorf("no state is called %q", want)
		}
		return func(info control.Info) bool { return info.State == state }, nil
	case "containment":
		var containment procgroup.Containment
		if err := containment.UnmarshalText([]byte(want)); err != nil {
			return nil, err
		}
		return func(info control.Info) bool { return info.Containment == containment }, nil
	case "ready":
		is, err := parseBool(want)
		return func(info control.Info) bool { return info.Ready.Valid && info.Ready.V == is }, err
	case "detached":
		is, err := parseBool(want)
		return func(info control.Info) bool { return info.Detached == is }, err
	default:
		return nil, fmt.Errorf("no filter is called %q (there are %s)", key, strings.Join(filterKeys, ", "))
	}
}

func parseBool(text string) (bool, error) {
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, fmt.Errorf("%q is neither true nor false", text)
	}
}

// completeFilter lets the shell complete the key of a filter, and then what it can be.
func completeFilter(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	key, _, hasKey := strings.Cut(begun, "=")
	if !hasKey {
		var keys []cobra.Completion
		for _, key := range filterKeys {
			keys = append(keys, key+"=")
		}
		return keys, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	}
	var choices []cobra.Completion
	switch key {
	case "state":
		for _, state := range states {
			choices = append(choices, key+"="+string(state))
		}
	case "ready", "detached":
		choices = []cobra.Completion{key + "=true", key + "=false"}
	case "containment":
		for _, s := range procgroup.Survey() {
			choices = append(choices, key+"="+s.Containment.String())
		}
	}
	return choices, cobra.ShellCompDirectiveNoFileComp
}
