package cli

import (
	"testing"
	"time"
)

func TestRestartPolicy(t *testing.T) {
	for _, test := range []struct {
		text             string
		status, restarts int
		again            bool
	}{
		{"no", 1, 0, false},
		{"always", 0, 1000, true},
		{"always", 1, 0, true},
		{"on-failure", 0, 0, false},
		{"on-failure", 1, 1000, true},
		{"on-failure:2", 1, 1, true},
		{"on-failure:2", 1, 2, false},
		{"on-failure:2", 0, 0, false},
	} {
		var p restartPolicy
		if err := p.UnmarshalText([]byte(test.text)); err != nil {
			t.Fatal(err)
		}
		if got := p.again(test.status, test.restarts); got != test.again {
			t.Errorf("%s: status %d after %d restarts: again is %v", test.text, test.status, test.restarts, got)
		}
	}
}

func FuzzRestartPolicy(f *testing.F) {
	for _, text := range []string{"no", "always", "on-failure", "on-failure:3", "on-failure:-1", "on-failure:", "no:1", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var p, again restartPolicy
		if p.UnmarshalText([]byte(text)) != nil {
			if p != again {
				t.Errorf("%q: an error, and %+v", text, p)
			}
			return
		}
		if err := again.UnmarshalText([]byte(p.String())); err != nil || again != p {
			t.Errorf("%q is %+v, and its text %q is %+v (%v)", text, p, p, again, err)
		}
	})
}

func TestBackoff(t *testing.T) {
	for _, test := range []struct {
		inARow int
		delay  time.Duration
	}{
		{0, firstDelay}, {1, firstDelay}, {2, 2 * firstDelay}, {4, 8 * firstDelay},
		{10, 512 * firstDelay}, {11, lastDelay}, {16, lastDelay}, {1 << 40, lastDelay},
	} {
		low, high := test.delay*3/4, test.delay*5/4
		seen := make(map[time.Duration]bool)
		for range 100 {
			delay := backoff(test.inARow)
			if delay < low || delay > high {
				t.Errorf("%d in a row: %v, want %v to %v", test.inARow, delay, low, high)
			}
			seen[delay] = true
		}
		if len(seen) < 50 {
			t.Errorf("%d in a row: only %d different delays of 100", test.inARow, len(seen))
		}
	}
}
