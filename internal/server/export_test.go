package server

import (
	"testing"
	"time"
)

// SetReadLimit sets how long a test's servers wait for a request.
func SetReadLimit(t *testing.T, limit time.Duration) {
	before := readLimit
	readLimit = limit
	t.Cleanup(func() { readLimit = before })
}
