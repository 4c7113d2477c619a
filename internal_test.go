package procgroup

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func TestChoose(t *testing.T) {
	missing := errors.New("no such file here")
	offer := []mechanism{
		{containment: "strong", guarantees: NoEscape | DiesWithOwner, probe: func() error { return missing }},
		{containment: "good", guarantees: NoEscape, probe: func() error { return nil }},
		{containment: "weak", probe: func() error { return nil }},
	}
	for _, test := range []struct {
		opts Options
		want Containment
	}{
		{Options{}, "good"},
		{Options{Containment: "weak"}, "weak"},
		{Options{Require: NoEscape}, "good"},
	} {
		if m, err := choose(offer, test.opts, nil); m.containment != test.want || err != nil {
			t.Errorf("%+v: %s, %v, want %s", test.opts, m.containment, err, test.want)
		}
	}
	for _, test := range []struct {
		opts  Options
		parts []string
	}{
		{Options{Require: DiesWithOwner}, []string{"guarantees dies-with-owner", "strong is not available: no such file here", "good does not guarantee dies-with-owner", "weak does not"}},
		{Options{Containment: "strong"}, []string{"strong is not available: no such file here"}},
		{Options{Containment: "other"}, []string{"no containment other"}},
	} {
		_, err := choose(offer, test.opts, nil)
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%+v: %v, want errors.ErrUnsupported", test.opts, err)
			continue
		}
		for _, part := range test.parts {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%+v: %q does not say %q", test.opts, err, part)
			}
		}
	}
	if _, err := choose(offer, Options{Containment: "strong"}, nil); !errors.Is(err, missing) {
		t.Errorf("the cause is not under the error: %v", err)
	}
	if _, err := choose(nil, Options{}, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("without any mechanism: %v", err)
	}
}

func TestGuaranteesText(t *testing.T) {
	for text, want := range map[string]Guarantees{
		"": 0, "none": 0, "no-escape": NoEscape, "accounting, no-escape": Accounting | NoEscape,
		"no-escape,dies-with-owner,atomic-pause,accounting,resource-limits": NoEscape | DiesWithOwner | AtomicPause | Accounting | ResourceLimits,
	} {
		var g Guarantees
		if err := g.UnmarshalText([]byte(text)); err != nil || g != want {
			t.Errorf("%q: %v, %v", text, g, err)
		}
		var again Guarantees
		if err := again.UnmarshalText([]byte(g.String())); err != nil || again != g {
			t.Errorf("%v is read as %v, %v", g, again, err)
		}
	}
	for _, bad := range []string{"no-escape,", "NoEscape", "all"} {
		g := NoEscape
		if err := g.UnmarshalText([]byte(bad)); !errors.Is(err, os.ErrInvalid) || g != 0 {
			t.Errorf("%q: %v, %v, want os.ErrInvalid", bad, g, err)
		}
	}
	if s := (NoEscape | 1<<20).String(); s != "no-escape,0x100000" {
		t.Errorf("an unknown bit is shown as %q", s)
	}
}

func FuzzGuaranteesText(f *testing.F) {
	f.Add("no-escape,accounting")
	f.Fuzz(func(t *testing.T, text string) {
		var g, again Guarantees
		if g.UnmarshalText([]byte(text)) != nil {
			return
		}
		if err := again.UnmarshalText([]byte(g.String())); err != nil || again != g {
			t.Errorf("%q is %v, and again %v, %v", text, g, again, err)
		}
	})
}

func TestContainmentText(t *testing.T) {
	for text, want := range map[string]Containment{"": Auto, "auto": Auto, "cgroup": Cgroup, "session": Session} {
		var c Containment
		if err := c.UnmarshalText([]byte(text)); err != nil || c != want {
			t.Errorf("%q: %q, %v", text, c, err)
		}
	}
	var c Containment
	if err := c.UnmarshalText([]byte("jail")); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("jail: %v, want os.ErrInvalid", err)
	}
}

func TestErrorText(t *testing.T) {
	err := fail("assign", ErrAssign, os.ErrProcessDone)
	if got, want := err.Error(), "procgroup: assign: process not assigned: os: process already finished"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !errors.Is(err, ErrAssign) || !errors.Is(err, os.ErrProcessDone) {
		t.Error("kind or cause cannot be matched")
	}
	if fail("assign", ErrAssign, nil) != nil {
		t.Error("success is an error")
	}
}

func TestStatsAdd(t *testing.T) {
	s := Stats{User: known(time.Second), MemoryPeak: knownBytes(10), Threads: known(2)}
	s.add(Stats{User: known(time.Second), MemoryPeak: knownBytes(7), Processes: known(3)})
	want := Stats{User: known(2 * time.Second), MemoryPeak: knownBytes(10)}
	if s != want {
		t.Errorf("got %v, want %v: what is absent in one is absent in the sum", s, want)
	}
}

func TestOptionalJSON(t *testing.T) {
	text, err := json.Marshal([]Optional[int]{known(0), known(-1), known(5)})
	if string(text) != "[0,null,5]" || err != nil {
		t.Errorf("%s, %v", text, err)
	}
	if s := known(-1).String() + known(7).String(); s != "-7" {
		t.Errorf("as text: %q", s)
	}
}

// A Pause waits for starts that are under way, and when its context ends first, or another
// call lets the group run, it is undone.
func TestPauseWaitsForStarts(t *testing.T) {
	g, err := New(Options{})
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if err := g.beginStart(); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := g.Pause(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "undone") {
		t.Errorf("Pause beside a start that does not end: %v", err)
	}
	if g.Paused() {
		t.Error("paused all the same")
	}

	pauses := make(chan error, 2)
	for range cap(pauses) { // the second waits for the first
		go func() { pauses <- g.Pause(context.Background()) }()
	}
	for g.mu.Lock(); g.pausing == nil; g.mu.Lock() {
		g.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	g.mu.Unlock()
	if err := g.beginStart(); !errors.Is(err, ErrPaused) {
		t.Errorf("a start beside a Pause: %v, want ErrPaused", err)
	}
	if err := g.Resume(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-pauses; !errors.Is(err, ErrInterrupted) {
		t.Errorf("Pause that Resume ended: %v", err)
	}
	g.endStart(nil)
	if err := <-pauses; err != nil && !errors.Is(err, ErrNotStarted) {
		t.Errorf("Pause when the start has ended: %v", err)
	}
}
