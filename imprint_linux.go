package procgroup

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/proctable"
)

// limitCount is how many limits there are (getrlimit(2)).
const limitCount = unix.RLIMIT_RTTIME + 1

// inherited are the lines of /proc/PID/status that tell what is handed on (proc_pid_status(5)).
var inherited = [][]byte{
	[]byte("Uid:"), []byte("Gid:"), []byte("Groups:"), []byte("SigIgn:"), []byte("Cap"),
	[]byte("NoNewPrivs:"), []byte("Seccomp"), []byte("Cpus_allowed:"), []byte("Mems_allowed:"),
}

// takeImprint takes that of this process, from /proc.
func takeImprint() (imprint, error) {
	status, err := proctable.ReadFile("/proc/self/status")
	if err != nil {
		return imprint{}, &fs.PathError{Op: "read", Path: "/proc/self/status", Err: err}
	}
	text, err := proctable.ReadFile("/proc/self/cgroup")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return imprint{}, &fs.PathError{Op: "read", Path: "/proc/self/cgroup", Err: err}
	}
	var i imprint
	for line := range bytes.Lines(status) {
		if value, ok := bytes.CutPrefix(line, []byte("Umask:")); ok {
			umask, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 8, 32)
			if err != nil {
				return imprint{}, err
			}
			i.umask = int(umask)
			continue
		}
		for _, name := range inherited {
			if bytes.HasPrefix(line, name) {
				text = append(text, line...)
				break
			}
		}
	}
	i.text = string(text)
	i.takeLimits()
	return i, nil
}
