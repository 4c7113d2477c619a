// Package cgroup2 works with control groups, version 2 (cgroups(7) and the kernel's
// Documentation/admin-guide/cgroup-v2.rst): it finds the one that this process is
// in, and makes, reads, freezes, kills and removes others below it.
//
// What reads the kernel's texts compiles on every system, the rest on Linux.
package cgroup2

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
)

// Dir is a cgroup.
type Dir struct {
	Path string // its directory
	Name string // what /proc/PID/cgroup calls it
}

// Contains reports whether the cgroup that /proc/PID/cgroup names is d or below it.
func (d Dir) Contains(name string) bool {
	return name == d.Name || strings.HasPrefix(name, strings.TrimSuffix(d.Name, "/")+"/")
}

// Events is the content of cgroup.events. Both speak for the whole subtree.
type Events struct {
	Populated bool // it holds a process that is not a zombie
	Frozen    bool // no process in it runs
}

// ParseEvents reads the text of cgroup.events.
func ParseEvents(data []byte) (Events, error) {
	counts, err := parseCounts(data)
	if err != nil {
		return Events{}, err
	}
	populated, ok := counts["populated"]
	if !ok {
		return Events{}, fmt.Errorf("cgroup.events without populated: %.80q", data)
	}
	return Events{Populated: populated != 0, Frozen: counts["frozen"] != 0}, nil
}

// parseCounts reads a file of lines with a name and a number each.
func parseCounts(data []byte) (map[string]uint64, error) {
	counts := make(map[string]uint64)
	for line := range bytes.Lines(data) {
		name, value, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		n, err := strconv.ParseUint(value, 10, 64)
		if !ok || err != nil {
			return nil, fmt.Errorf("cgroup counter %.80q is not a name and a number", line)
		}
		counts[name] = n
	}
	return counts, nil
}

// ParsePIDs reads the text of cgroup.procs. A process outside of the reader's PID
// namespace stands there as 0; it is left out.
func ParsePIDs(data []byte) ([]int, error) {
	pids := make([]int, 0, bytes.Count(data, []byte("\n")))
	for line := range bytes.Lines(data) {
		pid, err := strconv.Atoi(strings.TrimSuffix(string(line), "\n"))
		if err != nil || pid < 0 {
			return nil, fmt.Errorf("cgroup.procs has %.40q for a process", line)
		}
		if pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// ParseIO sums the bytes of all devices in the text of io.stat. Both sums are -1 if
// the text is not understood.
func ParseIO(data []byte) (read, written int64) {
	for line := range bytes.Lines(data) {
		fields := bytes.Fields(line)
		for _, field := range fields[min(1, len(fields)):] {
			name, value, _ := strings.Cut(string(field), "=")
			if name != "rbytes" && name != "wbytes" {
				continue
			}
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n < 0 {
				return -1, -1
			}
			if name == "rbytes" {
				read += n
			} else {
				written += n
			}
		}
	}
	return read, written
}

// locate returns the directories at which the cgroup of a process may be found,
// given the texts of its mountinfo and cgroup files in proc. There is at least one,
// or an error.
func locate(mountinfo, membership io.Reader) ([]Dir, error) {
	mounts, err := parseMounts(mountinfo)
	if err != nil {
		return nil, err
	}
	if len(mounts) == 0 {
		return nil, errors.New("no cgroup2 file system is mounted")
	}
	name, err := parseMembership(membership)
	if err != nil {
		return nil, err
	}
	var dirs []Dir
	for _, m := range mounts {
		rest, ok := below(m.root, name)
		if ok {
			dirs = append(dirs, Dir{Path: path.Join(m.point, rest), Name: name})
		}
	}
	if len(dirs) == 0 {
		return nil, fmt.Errorf("this process's cgroup %s is outside of what is mounted", name)
	}
	return dirs, nil
}

// below returns what remains of a path when it is seen from root.
func below(root, path string) (rest string, ok bool) {
	if root == "/" {
		return path, true
	}
	rest, ok = strings.CutPrefix(path, root)
	return rest, ok && (rest == "" || rest[0] == '/')
}

// mount is a mounted cgroup2 file system, or the part of one below root.
type mount struct{ root, point string }

// parseMounts finds the cgroup2 file systems in the text of /proc/PID/mountinfo
// (proc_pid_mountinfo(5)).
func parseMounts(r io.Reader) ([]mount, error) {
	var mounts []mount
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		// 41 31 0:38 / /sys/fs/cgroup/unified rw,relatime [tags] - cgroup2 cgroup2 rw
		front, back, ok := strings.Cut(lines.Text(), " - ")
		if kind, _, _ := strings.Cut(back, " "); !ok || kind != "cgroup2" {
			continue
		}
		fields := strings.Fields(front)
		if len(fields) < 6 {
			return nil, fmt.Errorf("mountinfo line %.80q is too short", lines.Text())
		}
		mounts = append(mounts, mount{unescape(fields[3]), unescape(fields[4])})
	}
	return mounts, lines.Err()
}

// unescape undoes the octal escapes of mountinfo: for space, tab, line feed and
// backslash.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// parseMembership finds the version 2 cgroup in the text of /proc/PID/cgroup: the
// line that begins with "0::" (cgroups(7)).
func parseMembership(r io.Reader) (string, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, ok := strings.CutPrefix(lines.Text(), "0::")
		if !ok {
			continue
		}
		name, removed := strings.CutSuffix(name, " (deleted)")
		switch {
		case removed:
			return "", fmt.Errorf("the cgroup %s was removed", name)
		case !strings.HasPrefix(name, "/"):
			return "", fmt.Errorf("cgroup name %.80q is not a path", name)
		case name == "/.." || strings.HasPrefix(name, "/../"):
			return "", fmt.Errorf("the cgroup %s is outside of this cgroup namespace", name)
		}
		return name, nil
	}
	if err := lines.Err(); err != nil {
		return "", err
	}
	return "", errors.New("the process is in no version 2 cgroup")
}
