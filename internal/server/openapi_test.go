package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/procgroup/procgroup/control"
)

// openAPI is what the tests read of docs/openapi.json.
type openAPI struct {
	Paths map[string]map[string]struct {
		Parameters  []struct{ Name string }
		RequestBody *struct{}
	}
	Components struct {
		Schemas map[string]struct {
			Properties map[string]struct{ Enum []string }
			Required   []string
		}
	}
}

func readOpenAPI(t *testing.T) openAPI {
	t.Helper()
	text, err := os.ReadFile("../../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc openAPI
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestOpenAPIPaths sees that the document has the requests that there are.
func TestOpenAPIPaths(t *testing.T) {
	doc := readOpenAPI(t)
	for path, methods := range doc.Paths {
		if _, known := routes[path]; !known {
			t.Errorf("%s is documented, and not served", path)
		}
		if len(methods) != 1 {
			t.Errorf("%s has %d methods", path, len(methods))
		}
	}
	for path, rt := range routes {
		operation, documented := doc.Paths[path][strings.ToLower(rt.method)]
		if !documented {
			t.Errorf("%s %s is not documented", rt.method, path)
		}
		var params []string
		for _, p := range operation.Parameters {
			params = append(params, p.Name)
		}
		if !slices.Equal(params, rt.params) {
			t.Errorf("%s has the parameters %q, documented are %q", path, rt.params, params)
		}
		if hasBody := operation.RequestBody != nil; hasBody != (rt.method == "POST") {
			t.Errorf("%s %s has a body: %v", rt.method, path, hasBody)
		}
	}
}

// TestProtocol sees that docs/protocol.md has every request, and every code with its status.
func TestProtocol(t *testing.T) {
	text, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	for path := range routes {
		if !regexp.MustCompile(`(?m)^### .*` + path + `\b`).Match(text) {
			t.Errorf("%s has no heading", path)
		}
	}
	for code, status := range statuses {
		if row := fmt.Sprintf("\n| `%s` | %d |", code, status); !strings.Contains(string(text), row) {
			t.Errorf("there is no row %q", row)
		}
	}
}

// TestOpenAPISchemas sees that what is sent has the properties that are documented.
func TestOpenAPISchemas(t *testing.T) {
	schemas := readOpenAPI(t).Components.Schemas
	for name, v := range map[string]any{
		"Info":        control.Info{},
		"Exit":        control.Exit{},
		"Process":     control.Process{},
		"Stats":       control.Stats{},
		"StopOptions": control.StopOptions{},
		"Error":       control.Error{},
	} {
		schema := schemas[name]
		var all, always []string
		for _, field := range reflect.VisibleFields(reflect.TypeOf(v)) {
			name, omit, _ := strings.Cut(field.Tag.Get("json"), ",")
			all = append(all, name)
			if omit == "" {
				always = append(always, name)
			}
		}
		slices.Sort(all)
		if documented := slices.Sorted(maps.Keys(schema.Properties)); !slices.Equal(all, documented) {
			t.Errorf("%s has %q, documented are %q", name, all, documented)
		}
		if !slices.Equal(always, schema.Required) {
			t.Errorf("%s has %q always, documented are %q", name, always, schema.Required)
		}
	}
}

// TestOpenAPICodes sees that all codes are documented.
func TestOpenAPICodes(t *testing.T) {
	var codes []string
	for code := range statuses {
		codes = append(codes, string(code))
	}
	slices.Sort(codes)
	documented := slices.Sorted(slices.Values(readOpenAPI(t).Components.Schemas["Error"].Properties["code"].Enum))
	if !slices.Equal(codes, documented) {
		t.Errorf("the codes are %q, documented are %q", codes, documented)
	}
}
