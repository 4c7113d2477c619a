//go:build linux || windows

package procgroup_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/procgroup/procgroup"
)

// forEachStart runs a test for each containment, with a command for which os/exec has
// nothing to do but to start it, and with one for which it copies output.
func forEachStart(t *testing.T, test func(t *testing.T, c procgroup.Containment, stdout io.Writer)) {
	forEachContainment(t, func(t *testing.T, c procgroup.Containment) {
		t.Run("plain", func(t *testing.T) { test(t, c, nil) })
		t.Run("copied", func(t *testing.T) { test(t, c, new(bytes.Buffer)) })
	})
}
