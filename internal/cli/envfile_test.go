package cli

import (
	"slices"
	"strings"
	"testing"
)

func TestParseEnv(t *testing.T) {
	tests := []struct {
		text string
		want []string
	}{
		{"", nil},
		{"\n  \n# A=b\n\t# c\n", nil},
		{"A=b", []string{"A=b"}},
		{"\ufeffA=b\r\nC=d\r\n", []string{"A=b", "C=d"}},
		{"export A=b\nexport\tC=d\nexported=e\nexport=f", []string{"A=b", "C=d", "exported=e", "export=f"}},
		{"A=\nB=\"\"\nC=''", []string{"A=", "B=", "C="}},
		{"A= b c \nB=x=y", []string{"A=b c", "B=x=y"}},
		{"A=b # c\nB=b#c\nC=# c", []string{"A=b", "B=b#c", "C="}},
		{`A='b # "c" \n $D' # e`, []string{`A=b # "c" \n $D`}},
		{`A="b # 'c' \n\t\r \"\\\$\` + "`" + ` \x"`, []string{"A=b # 'c' \n\t\r \"\\$` \\x"}},
		{"a.b-c=ü", []string{"a.b-c=ü"}},
	}
	for _, test := range tests {
		got, err := parseEnv("file", strings.NewReader(test.text))
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("parseEnv(%q) = %q, %v, want %q", test.text, got, err, test.want)
		}
	}
}

func TestParseEnvErrors(t *testing.T) {
	for text, want := range map[string]string{
		"A=b\nC":       "file:2: not of the form NAME=VALUE",
		"=b":           "file:1: no name in front of the =",
		"A B=c":        `file:1: "A B" is not a name`,
		"\n\nA='b":     "file:3: no closing '",
		`A="b\"`:       `file:1: no closing "`,
		`A="b" c`:      `file:1: text after the closing "`,
		"A=b\x00":      "file:1: a value cannot hold a NUL",
		"export A":     "file:1: not of the form NAME=VALUE",
		"A=\"b\nc\"\n": `file:1: no closing "`,
	} {
		if _, err := parseEnv("file", strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("parseEnv(%q): error %v, want %s", text, err, want)
		}
	}
}

func FuzzParseEnv(f *testing.F) {
	for _, text := range []string{
		"A=b", "# c\nexport A='b' # c\r\n", `A="\n\"" # c`, "A=\"", "=", "\ufeffA=", "A=b\n=c", "A B=c", "A=\x00", "A='b' c",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		vars, err := parseEnv("file", strings.NewReader(text))
		if err != nil {
			if vars != nil {
				t.Errorf("both %q and %v", vars, err)
			}
			return
		}
		for _, variable := range vars {
			if err := checkEnv(variable); err != nil {
				t.Errorf("%q: %v", variable, err)
			}
			// In single quotes every value without one reads as it is.
			name, val, _ := strings.Cut(variable, "=")
			if strings.ContainsAny(val, "'\n") || strings.HasPrefix(name, "#") {
				continue
			}
			again, err := parseEnv("file", strings.NewReader("export "+name+"='"+val+"'"))
			if err != nil || !slices.Equal(again, []string{variable}) {
				t.Errorf("%q read again: %q, %v", variable, again, err)
			}
		}
	})
}
