package cli

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/procgroup/procgroup/control"
)

func TestRowFormat(t *testing.T) {
	for _, test := range []struct{ format, want string }{
		{`{{.ID}}`, "0123456789ab\nabcdef012345\nffffff012345\n"},
		{`{{.Name | upper}}:{{lower "X"}}:{{upper .State}}`, "WEB:x:RUNNING\n:x:EXITED\nWORKER:x:RESTARTING\n"},
		{`{{with .Exit}}{{json .}}{{else}}\t-{{end}}`, "\t-\n" +
			strings.Repeat(`{"status":1,"reason":"exited"}`+"\n", 2)},
		{`{{if eq .Name "web"}}{{join .Command "\t"}}{{end}}`, "server\t--port\t80\n\n\n"},
		{`a\nb{{"\\t"}}`, strings.Repeat("a\nb\\t\n", 3)},
		{
			`table {{.ID}}\t{{.Containment}}\t{{with .Exit}}{{.Status}}{{end}}`,
			"ID             CONTAINMENT   \n0123456789ab   cgroup        \nabcdef012345   session       1\nffffff012345   reaper        1\n",
		},
		{`table {{.NextStart.Year}}`, "NEXT START YEAR\n1\n1\n2026\n"},
		{`table {{upper .Name}}:{{.ID}}`, "NAME:ID\nWEB:0123456789ab\n:abcdef012345\nWORKER:ffffff012345\n"},
		{`{{define "x"}}\t{{end}}{{range .Command}}.{{end}}{{template "x"}}`, "...\t\n...\t\n..\t\n"},
	} {
		f, err := parseFormat(test.format)
		if err != nil {
			t.Errorf("%s: %v", test.format, err)
			continue
		}
		var out bytes.Buffer
		if err := f.write(&out, exampleInfos()); err != nil {
			t.Errorf("%s: %v", test.format, err)
		}
		if got := out.String(); got != test.want {
			t.Errorf("%s: got\n%q\nwant\n%q", test.format, got, test.want)
		}
	}
}

func TestRowFormatErrors(t *testing.T) {
	for _, format := range []string{"", " ", "table ", "{{", "{{nope}}", "{{.ID}", `{{define "x"}}{{end}}`} {
		if f, err := parseFormat(format); err == nil {
			t.Errorf("%q: no error, and a template %v", format, f)
		}
	}
	for _, format := range []string{`{{.Nope}}`, `{{.Exit.Status}}`, `{{join .Name "x"}}`} {
		f, err := parseFormat(format)
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		var out bytes.Buffer
		if err := f.write(&out, exampleInfos()); err == nil || !strings.HasPrefix(err.Error(), "--format: ") {
			t.Errorf("%s: the error is %v", format, err)
		}
		if out.Len() > 0 {
			t.Errorf("%s: printed %q before the error", format, out.String())
		}
	}
}

func FuzzFormat(f *testing.F) {
	for _, seed := range []string{
		`{{.ID}}\t{{.Name}}`, `table {{.ID}}\t{{json .}}`, `{{join .Command " "}}`,
		`{{range .Command}}\n{{else}}-{{end}}`, `{{with .Exit}}{{.Status}}{{end}}`, `{{define "x"}}{{end}}`, "{{", "table ",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "range") || strings.Contains(text, "template") || strings.Contains(text, "print") {
			t.Skip("it may go on for ever, or be as long as it likes")
		}
		format, err := parseFormat(text)
		if err != nil {
			return
		}
		if !format.given() {
			t.Errorf("%q: neither an error nor a template", text)
		}
		_ = format.write(io.Discard, []control.Info{{}})
	})
}
