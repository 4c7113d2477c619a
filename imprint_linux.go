package procgroup

import (
	"bytes"
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// imprint is what a process hands on to those that it starts, and that a reaper, which was
// started earlier, may have in another way: credentials, limits, ignored signals, the cgroup. A reaper is
// used only as long as it is like its owner. The umask goes with each command.
type imprint struct {
	text  string
	umask int
}

func (i imprint) equal(other imprint) bool { return i.text == other.text }

// inherited are the lines of /proc/PID/status that tell what is handed on (proc_pid_status(5)).
var inherited = [][]byte{
	[]byte("Uid:"), []byte("Gid:"), []byte("Groups:"), []byte("NoNewPrivs:"), []byte("Seccomp"),
	[]byte("Cap"), []byte("SigIgn:"), []byte("Cpus_allowed:"), []byte("Mems_allowed:"),
}

// takeImprint takes that of this process.
func takeImprint() (imprint, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return imprint{}, err
	}
	cgroup, err := os.ReadFile("/proc/self/cgroup")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return imprint{}, err
	}
	var i imprint
	text := bytes.NewBuffer(cgroup)
	for line := range bytes.Lines(status) {
		if value, ok := bytes.CutPrefix(line, []byte("Umask:")); ok {
			umask, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 8, 32)
			if err != nil {
				return imprint{}, err
			}
			i.umask = int(umask)
		}
		for _, name := range inherited {
			if bytes.HasPrefix(line, name) {
				text.Write(line)
			}
		}
	}
	for resource := range unix.RLIMIT_RTTIME + 1 {
		var limit unix.Rlimit
		if err := unix.Getrlimit(resource, &limit); err == nil {
			text.WriteString(strconv.FormatUint(limit.Cur, 16) + " " + strconv.FormatUint(limit.Max, 16) + "\n")
		}
	}
	i.text = text.String()
	return i, nil
}
