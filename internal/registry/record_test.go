package registry

import (
	"errors"
	"os"
	"reflect"
	"regexp"
	"testing"
)

func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		``, `{}`, `null`, `[]`, `garbage`,
		`{"version":1,"id":"0123456789ab","pid":7,"created":"2026-01-02T03:04:05Z"}`,
		`{"version":1,"id":"0123456789ab","name":"web","pid":7,"created":"2026-01-02T03:04:05Z","boot_id":"x",` +
			`"cgroups":{"dir":"/sys/fs/cgroup","prefix":"procgroup-7-8-9-"},"ended":"2026-01-02T03:04:06Z","info":{"a":[1]}}`,
		`{"version":1,"id":"0123456789ab","name":"../x","pid":7}`,
		`{"version":2,"id":"0123456789ab","pid":7}`,
		`{"version":1,"id":"../3456789ab","pid":7}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decode(data, "0123456789ab")
		if err != nil {
			return
		}
		if r.ID != "0123456789ab" || r.PID <= 0 || r.Name != "" && CheckName(r.Name) != nil {
			t.Fatalf("%q gives %+v", data, r)
		}
		text, err := r.encode()
		if err != nil {
			t.Fatalf("%q cannot be written again: %v", data, err)
		}
		again, err := decode(text, r.ID)
		if err != nil {
			t.Fatalf("%q became %q: %v", data, text, err)
		}
		if !again.Created.Equal(r.Created) || !again.Ended.Equal(r.Ended) || again.Name != r.Name ||
			!reflect.DeepEqual(again.Cgroups, r.Cgroups) {
			t.Fatalf("%+v became %+v", r, again)
		}
	})
}

var validName = regexp.MustCompile(`\A[a-z0-9][a-z0-9_.-]{0,62}\z`)

func FuzzCheckName(f *testing.F) {
	for _, name := range []string{"", "a", "web-1", "..", "a/b", "A", "a\xff", "a\n", "é"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		err := CheckName(name)
		if (err == nil) != validName.MatchString(name) {
			t.Errorf("%q: %v", name, err)
		}
		if err != nil && !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%q: %v does not wrap os.ErrInvalid", name, err)
		}
	})
}

func TestCgroupsCheck(t *testing.T) {
	t.Parallel()
	if err := (cgroups{"/sys/fs/cgroup", "procgroup-7-8-9-"}).check(); err != nil {
		t.Error(err)
	}
	for _, c := range []cgroups{
		{}, {"/x", ""}, {"x", "procgroup-7-8-9-"}, {"", "procgroup-7-8-9-"}, {"/x", "procgroup-"},
		{"/x", "procgroup-7-8-9"}, {"/x", "procgroup-7-0-9-"}, {"/x", "procgroup-0-8-9-"},
		{"/x", "procgroup-7-8-/../-"}, {"/x", "../procgroup-7-8-9-"}, {"/x", "procgroup-7-8-9-\n"},
	} {
		if err := c.check(); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
