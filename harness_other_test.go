//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package procgroup_test

import (
	"testing"

	"github.com/procgroup/procgroup"
)

func cgroupDirectories(*testing.T) []string { return nil }

const variantName = "none"

func forEachVariant(*testing.T, func(*testing.T, procgroup.Containment)) {}
