package cli

import (
	"testing"
	"time"

	"github.com/procgroup/procgroup"
)

func TestKilledProgramLeavesNobody(t *testing.T) {
	forContainments(t, func(t *testing.T, c procgroup.Containment) {
		mark := newMark()
		p := startProgram(t, "procgroup", "run", "--containment", c.String(), "--leftovers", "wait", "--",
			"leave", "0", "catch", "leader", mark)
		p.ready("leader")
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(patience); len(marked(mark)) > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("left: %v", marked(mark))
			}
		}
	})
}
