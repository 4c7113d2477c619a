package localsock

import (
	"crypto/rand"
	"encoding/hex"
	"testing"
)

// newPath returns the path of a pipe that is not there yet.
func newPath(t *testing.T) string {
	t.Helper()
	var id [6]byte
	_, _ = rand.Read(id[:]) // it never fails
	return Path("", hex.EncodeToString(id[:]))
}
