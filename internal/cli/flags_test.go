package cli

import (
	"testing"
	"time"
)

func FuzzSize(f *testing.F) {
	for _, text := range []string{"1", "512k", "10m", "1.5GiB", "-1", "0", "", "1e300t", "NaN", "9999999999999999999p"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var size int64
		if err := sizeValue(&size).Set(text); err == nil && size <= 0 || err != nil && size != 0 {
			t.Errorf("%q: %d, %v", text, size, err)
		}
	})
}

func FuzzDuration(f *testing.F) {
	for _, text := range []string{"1s", "-1s", "1h30m", "", "5", "1e9s", "9999999h", "-0s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var d time.Duration
		if err := durationValue(&d).Set(text); d < 0 || err != nil && d != 0 {
			t.Errorf("%q: %v, %v", text, d, err)
		}
	})
}

func FuzzAddress(f *testing.F) {
	for _, text := range []string{"80", "0", "65536", "localhost:80", "[::1]:80", "::1:80", ":80", "a:b:c", "-1", "+5"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var address, again string
		if addressValue(&address).Set(text) != nil {
			return
		}
		if err := addressValue(&again).Set(address); err != nil || again != address {
			t.Errorf("%q is %q, which is %q (%v)", text, address, again, err)
		}
	})
}
