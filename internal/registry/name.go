package registry

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
)

// maxName is how long a name can be.
const maxName = 63

// CheckName reports whether a run can have this name: [a-z0-9][a-z0-9_.-]{0,62}. The error says
// what is wrong with it, and wraps [os.ErrInvalid].
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the name is empty: %w", os.ErrInvalid)
	case len(name) > maxName:
		return fmt.Errorf("name %.20q... has %d characters, and at most %d are allowed: %w",
			name, len(name), maxName, os.ErrInvalid)
	case !isAlphanumeric(rune(name[0])):
		return fmt.Errorf("name %q does not begin with a letter of a to z or a digit: %w", name, os.ErrInvalid)
	}
	for _, c := range name {
		if !isAlphanumeric(c) && !strings.ContainsRune("_.-", c) {
			return fmt.Errorf("name %q has %q in it, and only a to z, 0 to 9, and _.- are allowed: %w",
				name, c, os.ErrInvalid)
		}
	}
	return nil
}

func isAlphanumeric(c rune) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

// idBytes is how many random bytes an id has. It is written in hexadecimal digits.
const idBytes = 6

func newID() string {
	var id [idBytes]byte
	_, _ = rand.Read(id[:]) // it never fails
	return hex.EncodeToString(id[:])
}

// isID reports whether s has the form of an id.
func isID(s string) bool {
	return len(s) == 2*idBytes && strings.Trim(s, "0123456789abcdef") == ""
}
