//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// What a live group needs at most, its member included.
const (
	descriptorsEach = 3
	memoryEach      = 1 << 20
)

// howManyFit returns how many groups can live here, and why not as many as wanted.
func howManyFit(want int) (n int, why string) {
	n = want
	atMost := func(limit int, what string) {
		if limit < n {
			n, why = limit, fmt.Sprintf("(%d wanted: %s)", want, what)
		}
	}
	atMost((raiseDescriptors(want*descriptorsEach+1000)-1000)/descriptorsEach, "too few descriptors")
	if kB, ok := availableMemory(); ok {
		atMost(kB*1024/2/memoryEach, "too little memory")
	}
	if last, ok := readNumber("/proc/sys/kernel/pid_max"); ok {
		atMost(last/2, "too few process numbers")
	}
	return max(n, 1), why
}

// raiseDescriptors makes it possible to have so many descriptors, if that is allowed,
// and returns how many are.
func raiseDescriptors(want int) int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return want
	}
	need := uint64(want)
	if limit.Cur >= need {
		return int(min(limit.Cur, 1<<30))
	}
	// Only root may raise the second.
	for _, to := range []unix.Rlimit{{Cur: need, Max: max(need, limit.Max)}, {Cur: limit.Max, Max: limit.Max}} {
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &to) == nil {
			return int(to.Cur)
		}
	}
	return int(limit.Cur)
}

// availableMemory returns how many kB can be used without swapping.
func availableMemory() (kB int, ok bool) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(data)) {
		if rest, found := strings.CutPrefix(line, "MemAvailable:"); found {
			kB, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			return kB, err == nil
		}
	}
	return 0, false
}

func readNumber(path string) (n int, ok bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err = strconv.Atoi(strings.TrimSpace(string(data)))
	return n, err == nil
}
