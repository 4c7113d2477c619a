package runlog

import "github.com/procgroup/procgroup/internal/logline"

// tally numbers lines from 1 on. The parts of one that is split have the same number.
type tally struct {
	count int
	split map[logline.Stream]int // the numbers of lines that go on
}

// number returns the number of the line that l is, or is a part of.
func (t *tally) number(l logline.Line) int {
	n, goesOn := t.split[l.Stream]
	if !goesOn {
		t.count++
		n = t.count
	}
	switch {
	case !l.Partial:
		delete(t.split, l.Stream)
	case t.split == nil:
		t.split = map[logline.Stream]int{l.Stream: n}
	default:
		t.split[l.Stream] = n
	}
	return n
}
