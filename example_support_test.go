//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd || windows

package procgroup_test

import (
	"fmt"

	"github.com/procgroup/procgroup"
)

// New fails where a guarantee that is asked for is not to be had.
func ExampleOptions() {
	g, err := procgroup.New(procgroup.Options{Require: procgroup.NoEscape | procgroup.AtomicPause})
	if err != nil {
		fmt.Println(err) // it names what each containment lacks
		return
	}
	defer g.Close()
	fmt.Println(g.Containment(), g.Guarantees())
}

func ExampleSurvey() {
	for _, s := range procgroup.Survey() {
		if s.Err != nil {
			fmt.Println(s.Containment, "does not work here:", s.Err)
			continue
		}
		fmt.Println(s.Containment, "guarantees", s.Guarantees)
	}
}
