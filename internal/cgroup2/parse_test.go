package cgroup2

import (
	"slices"
	"strings"
	"testing"
)

func TestParseEvents(t *testing.T) {
	e, err := ParseEvents([]byte("populated 1\nfrozen 0\n"))
	if err != nil || e != (Events{Populated: true}) {
		t.Errorf("got %+v, %v", e, err)
	}
	e, err = ParseEvents([]byte("populated 0\nfrozen 1\nnew 7\n"))
	if err != nil || e != (Events{Frozen: true}) {
		t.Errorf("got %+v, %v", e, err)
	}
	for _, bad := range []string{"", "frozen 1\n", "populated\n", "populated x\n", "populated -1\n"} {
		if e, err := ParseEvents([]byte(bad)); err == nil {
			t.Errorf("ParseEvents(%q) = %+v, want an error", bad, e)
		}
	}
}

func FuzzParseEvents(f *testing.F) {
	f.Add([]byte("populated 1\nfrozen 0\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if e, err := ParseEvents(data); err != nil && e != (Events{}) {
			t.Errorf("ParseEvents(%q) = %+v and %v", data, e, err)
		}
	})
}

func TestParsePIDs(t *testing.T) {
	pids, err := ParsePIDs([]byte("1\n0\n4194304\n"))
	if err != nil || !slices.Equal(pids, []int{1, 4194304}) {
		t.Errorf("got %v, %v", pids, err)
	}
	for _, bad := range []string{"\n", "1\n\n2\n", "x\n", "-1\n", "1 2\n"} {
		if pids, err := ParsePIDs([]byte(bad)); err == nil {
			t.Errorf("ParsePIDs(%q) = %v, want an error", bad, pids)
		}
	}
}

func FuzzParsePIDs(f *testing.F) {
	f.Add([]byte("1\n0\n4194304\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		pids, err := ParsePIDs(data)
		if err == nil && slices.ContainsFunc(pids, func(pid int) bool { return pid <= 0 }) {
			t.Errorf("ParsePIDs(%q) = %v", data, pids)
		}
	})
}

func TestParseIO(t *testing.T) {
	text := "8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0\n8:0 rbytes=90430464 wbytes=1\n252:0\n"
	if read, written := ParseIO([]byte(text)); read != 91889664 || written != 314773505 {
		t.Errorf("got %d, %d", read, written)
	}
	if read, written := ParseIO(nil); read != 0 || written != 0 {
		t.Errorf("no devices: got %d, %d", read, written)
	}
	if read, written := ParseIO([]byte("8:0 rbytes=x\n")); read != -1 || written != -1 {
		t.Errorf("garbage: got %d, %d", read, written)
	}
}

func FuzzParseIO(f *testing.F) {
	f.Add([]byte("8:16 rbytes=1459200 wbytes=314773504\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		read, written := ParseIO(data)
		if (read < 0) != (written < 0) {
			t.Errorf("ParseIO(%q) = %d, %d", data, read, written)
		}
	})
}

const (
	unified = `24 30 0:22 / /proc rw,nosuid - proc proc rw
30 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
35 24 0:30 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate
`
	hybrid = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`
	container = `1500 1499 0:30 /docker/abc /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw
`
	spaces = `35 24 0:30 / /mnt/my\040groups rw master:1 propagate_from:2 - cgroup2 none rw
`
)

func TestLocate(t *testing.T) {
	for _, test := range []struct{ name, mounts, membership, want string }{
		{"unified", unified, "0::/user.slice/user-1000.slice\n", "/sys/fs/cgroup/user.slice/user-1000.slice"},
		{"unified, root", unified, "0::/\n", "/sys/fs/cgroup"},
		{"hybrid", hybrid, "9:name=systemd:/\n1:cpu:/x\n0::/\n", "/sys/fs/cgroup/unified"},
		{"container without a namespace", container, "0::/docker/abc/sub\n", "/sys/fs/cgroup/sub"},
		{"container, its root", container, "0::/docker/abc\n", "/sys/fs/cgroup"},
		{"escaped mount point", spaces, "0::/a b\n", "/mnt/my groups/a b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dirs, err := locate(strings.NewReader(test.mounts), strings.NewReader(test.membership))
			if err != nil {
				t.Fatal(err)
			}
			if dirs[0].Path != test.want {
				t.Errorf("got %s, want %s", dirs[0].Path, test.want)
			}
		})
	}
}

func TestLocateSaysWhatIsMissing(t *testing.T) {
	for _, test := range []struct{ mounts, membership, want string }{
		{"", "0::/\n", "no cgroup2 file system is mounted"},
		{unified, "", "in no version 2 cgroup"},
		{unified, "1:cpu:/\n", "in no version 2 cgroup"},
		{unified, "0::/gone (deleted)\n", "was removed"},
		{unified, "0::/../other\n", "outside of this cgroup namespace"},
		{unified, "0::relative\n", "not a path"},
		{container, "0::/docker/abcd\n", "outside of what is mounted"},
		{"35 24 - cgroup2 x rw\n", "0::/\n", "too short"},
	} {
		_, err := locate(strings.NewReader(test.mounts), strings.NewReader(test.membership))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("locate(%.20q, %q): %v, want %q", test.mounts, test.membership, err, test.want)
		}
	}
}

func FuzzLocate(f *testing.F) {
	for _, mounts := range []string{unified, hybrid, container, spaces} {
		f.Add(mounts, "0::/docker/abc\n")
	}
	f.Fuzz(func(t *testing.T, mounts, membership string) {
		dirs, err := locate(strings.NewReader(mounts), strings.NewReader(membership))
		if (err == nil) != (len(dirs) > 0) {
			t.Errorf("locate(%q, %q) = %v and %v", mounts, membership, dirs, err)
		}
	})
}

func TestContains(t *testing.T) {
	d := Dir{Name: "/a/group-1"}
	for name, want := range map[string]bool{
		"/a/group-1": true, "/a/group-1/sub": true, "/a/group-10": false, "/a": false, "/": false,
	} {
		if d.Contains(name) != want {
			t.Errorf("Contains(%q) = %v", name, !want)
		}
	}
	if root := (Dir{Name: "/"}); !root.Contains("/anything") {
		t.Error("the root does not contain a cgroup")
	}
}
