//go:build linux

package cgroup2

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Own returns the cgroup that this process is in. It needs a cgroup2 file system
// that is mounted where this process sees it, alone (unified) or beside those of
// version 1 (hybrid). The error says in words what is missing.
func Own() (Dir, error) {
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return Dir{}, err
	}
	defer mounts.Close()
	membership, err := os.Open("/proc/self/cgroup")
	if err != nil {
		return Dir{}, err
	}
	defer membership.Close()
	candidates, err := locate(mounts, membership)
	if err != nil {
		return Dir{}, err
	}
	// Something else may be mounted over a mount point.
	for _, d := range candidates {
		var st unix.Statfs_t
		if unix.Statfs(d.Path, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC {
			return d, nil
		}
	}
	return Dir{}, fmt.Errorf("the directory of this process's cgroup %s is not there", candidates[0].Name)
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
			dirs = append(dirs, Dir{Path: filepath.Join(m.point, rest), Name: name})
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
