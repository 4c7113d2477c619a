package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
)

// readEnvFile returns the variables that a file sets, in the form that exec.Cmd takes.
func readEnvFile(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseEnv(name, f)
}

// parseEnv reads lines of the form NAME=VALUE, with "export " in front or not. Blank
// lines, and those that begin with #, mean nothing. A value ends at the end of its line
// or at a # with a space in front, and loses the spaces around it. In single quotes it
// is taken as it stands; in double quotes \n, \r, \t, \", \\, \$ and \` are the
// characters that they are in C and in a shell. Nothing is expanded.
//
// An error names the file by name, and the line.
func parseEnv(name string, r io.Reader) ([]string, error) {
	var vars []string
	lines := bufio.NewReader(r)
	for number := 1; ; number++ {
		line, readErr := lines.ReadString('\n')
		if readErr != nil && readErr != io.EOF {
			return nil, fmt.Errorf("%s:%d: %w", name, number, readErr)
		}
		if number == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		variable, err := parseEnvLine(strings.TrimSpace(line))
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, number, err)
		}
		if variable != "" {
			vars = append(vars, variable)
		}
		if readErr == io.EOF {
			return vars, nil
		}
	}
}

// parseEnvLine returns "" for a line that sets nothing.
func parseEnvLine(line string) (string, error) {
	if line == "" || line[0] == '#' {
		return "", nil
	}
	if rest, ok := strings.CutPrefix(line, "export"); ok && rest != strings.TrimLeft(rest, " \t") {
		line = strings.TrimLeft(rest, " \t")
	}
	key, text, ok := strings.Cut(line, "=")
	if !ok {
		return "", errors.New("not of the form NAME=VALUE")
	}
	val, err := parseEnvValue(strings.TrimSpace(text))
	if err != nil {
		return "", err
	}
	variable := key + "=" + val
	return variable, checkEnv(variable)
}

func parseEnvValue(text string) (string, error) {
	if text == "" || text[0] != '"' && text[0] != '\'' {
		return strings.TrimSpace(cutComment(text)), nil
	}
	val, rest, err := unquote(text[1:], text[0])
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(cutComment(rest)) != "" {
		return "", fmt.Errorf("text after the closing %c", text[0])
	}
	return val, nil
}

// cutComment cuts off a # that begins the text or has a space in front, and what
// follows.
func cutComment(text string) string {
	for i, c := range text {
		if c == '#' && (i == 0 || text[i-1] == ' ' || text[i-1] == '\t') {
			return text[:i]
		}
	}
	return text
}

// unquote reads up to the closing quote.
func unquote(text string, quote byte) (val, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == quote:
			return b.String(), text[i+1:], nil
		case c == '\\' && quote == '"' && i+1 < len(text):
			i++
			b.WriteString(unescape(text[i]))
		default:
			b.WriteByte(c)
		}
	}
	return "", "", fmt.Errorf("no closing %c", quote)
}

// unescape returns what a backslash and c stand for in double quotes.
func unescape(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	case '"', '\\', '$', '`':
		return string(rune(c))
	}
	return `\` + string([]byte{c})
}

// checkEnv makes sure that a variable has a name and can be given to a process.
func checkEnv(variable string) error {
	name, _, ok := strings.Cut(variable, "=")
	switch {
	case !ok:
		return errors.New("not of the form NAME=VALUE")
	case name == "":
		return errors.New("no name in front of the =")
	case strings.ContainsFunc(name, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }):
		return fmt.Errorf("%q is not a name", name)
	case strings.ContainsRune(variable, 0):
		return errors.New("a value cannot hold a NUL")
	}
	return nil
}
