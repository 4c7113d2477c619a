package control

import (
	"testing"
	"time"
)

// SetSilence sets how long runs may be silent in a test, and seem to be over.
func SetSilence(t *testing.T, limit time.Duration) {
	silent, settling := silence, settleLimit
	silence, settleLimit = limit, limit/2
	t.Cleanup(func() { silence, settleLimit = silent, settling })
}

// Choose is choose.
var Choose = choose
