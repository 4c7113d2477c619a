package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/procgroup/procgroup"
)

func TestDoctorTable(t *testing.T) {
	tests := []struct {
		name   string
		survey []procgroup.Support
		auto   string
		want   string
	}{
		{
			"the second works",
			[]procgroup.Support{
				{Containment: procgroup.Cgroup, Guarantees: procgroup.NoEscape | procgroup.Accounting,
					Err: errors.New("nowhere\nto write")},
				{Containment: procgroup.Session},
			},
			"session",
			"   CONTAINMENT  WORKS  GUARANTEES\n" +
				"   cgroup       no     no-escape accounting\n" +
				"*  session      yes    none\n" +
				"\ncgroup does not work here: nowhere; to write\n",
		},
		{
			"none works",
			[]procgroup.Support{{Containment: procgroup.Session, Err: errors.New("blind")}},
			"",
			"   CONTAINMENT  WORKS  GUARANTEES\n" +
				"   session      no     none\n" +
				"\nsession does not work here: blind\n" +
				"\nNo containment works here (os/arch): procgroup cannot run commands.\n",
		},
	}
	for _, test := range tests {
		d := diagnose(test.survey)
		d.OS, d.Arch = "os", "arch"
		var b strings.Builder
		if err := d.writeTable(&b); err != nil {
			t.Fatal(err)
		}
		if d.Auto != test.auto || b.String() != test.want {
			t.Errorf("%s: Auto is %q, the table:\n%s", test.name, d.Auto, b.String())
		}
	}
}
