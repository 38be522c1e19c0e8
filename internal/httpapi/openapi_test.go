package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// document is api/openapi.yaml, as far as the tests need it.
type document struct {
	Paths map[string]map[string]struct {
		Role      string              `yaml:"x-role"`
		Responses map[string]response `yaml:"responses"`
	} `yaml:"paths"`
	Components struct {
		Responses map[string]response `yaml:"responses"`
		Schemas   map[string]*schema  `yaml:"schemas"`
	} `yaml:"components"`
}

type response struct {
	Ref     string `yaml:"$ref"`
	Headers map[string]struct{ Schema *schema }
	Content map[string]struct {
		Schema *schema `yaml:"schema"`
	} `yaml:"content"`
}

// schema is the part of JSON Schema that the document uses.
type schema struct {
	Ref        string             `yaml:"$ref"`
	Type       any                `yaml:"type"` // a name, or a list of them
	Required   []string           `yaml:"required"`
	Properties map[string]*schema `yaml:"properties"`
	Closed     *bool              `yaml:"additionalProperties"`
	Items      *schema            `yaml:"items"`
	Enum       []string           `yaml:"enum"`
	Minimum    *float64           `yaml:"minimum"`
	Format     string             `yaml:"format"`
}

func readDocument(t *testing.T) *document {
	t.Helper()
	text, err := os.ReadFile("../../api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := yaml.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

// pathOf returns the documented path that a request's path belongs to.
func (d *document) pathOf(path string) string {
	parts := strings.Split(path, "/")
	for _, known := range slices.Sorted(maps.Keys(d.Paths)) {
		names := strings.Split(known, "/")
		if len(names) == len(parts) && slices.EqualFunc(names, parts, func(n, p string) bool {
			return n == p || strings.HasPrefix(n, "{")
		}) {
			return known
		}
	}
	return ""
}

// hold reports where an answer is not as the document says. documented is "" for an answer that the
// document does not know.
func (d *document) hold(t *testing.T, method, path string, w *httptest.ResponseRecorder) (documented string) {
	t.Helper()
	known := d.pathOf(path)
	verb := strings.ToLower(method)
	if verb == "head" {
		verb = "get"
	}
	operation, ok := d.Paths[known][verb]
	if !ok { // a method that is refused: any method of the path documents that
		for _, operation = range d.Paths[known] {
			break
		}
	}
	status := strconv.Itoa(w.Code)
	r, ok := operation.Responses[status]
	if !ok {
		t.Errorf("%s %s answered %s, which openapi.yaml does not have", method, path, status)
		return ""
	}
	if name, is := strings.CutPrefix(r.Ref, "#/components/responses/"); is {
		r = d.Components.Responses[name]
	}
	for header := range r.Headers {
		if w.Header().Get(header) == "" {
			t.Errorf("%s %s answered %s without the header %s", method, path, status, header)
		}
	}
	where := fmt.Sprintf("%s %s %s", method, path, status)
	kind, _, _ := mime.ParseMediaType(w.Header().Get("Content-Type"))
	content, ok := r.Content[kind]
	switch {
	case len(r.Content) == 0 && w.Body.Len() == 0, method == http.MethodHead:
	case !ok:
		t.Errorf("%s has the content type %q, want one of %v", where, kind, slices.Sorted(maps.Keys(r.Content)))
	case strings.HasSuffix(kind, "json"):
		var v any
		decoder := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
		decoder.UseNumber()
		if err := decoder.Decode(&v); err != nil {
			t.Errorf("%s has no JSON: %v: %s", where, err, w.Body)
			break
		}
		for _, fault := range d.check(content.Schema, v, "") {
			t.Errorf("%s: %s in %s", where, fault, w.Body)
		}
	}
	return verb + " " + known + " " + status
}

// check returns where a value is not as the schema says.
func (d *document) check(s *schema, v any, at string) (faults []string) {
	if s == nil {
		return nil
	}
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		target := d.Components.Schemas[name]
		if target == nil {
			return []string{at + ": the schema " + name + " does not exist"}
		}
		return d.check(target, v, at)
	}
	if !s.hasType(v) {
		return []string{fmt.Sprintf("%s is %v, want %v", at, v, s.Type)}
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				faults = append(faults, at+"."+name+" is missing")
			}
		}
		for name, value := range v {
			property, known := s.Properties[name]
			if !known && s.Closed != nil && !*s.Closed {
				faults = append(faults, at+"."+name+" is not documented")
			}
			faults = append(faults, d.check(property, value, at+"."+name)...)
		}
	case []any:
		for i, item := range v {
			faults = append(faults, d.check(s.Items, item, fmt.Sprintf("%s[%d]", at, i))...)
		}
	case string:
		if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
			faults = append(faults, fmt.Sprintf("%s is %q, want one of %v", at, v, s.Enum))
		}
		if _, err := time.Parse(time.RFC3339, v); s.Format == "date-time" && (err != nil || !strings.HasSuffix(v, "Z")) {
			faults = append(faults, fmt.Sprintf("%s is %q, want a time in UTC", at, v))
		}
	case json.Number:
		if n, err := v.Float64(); s.Minimum != nil && (err != nil || n < *s.Minimum) {
			faults = append(faults, fmt.Sprintf("%s is %s, want at least %g", at, v, *s.Minimum))
		}
	}
	return faults
}

func (s *schema) hasType(v any) bool {
	var types []string
	switch t := s.Type.(type) {
	case string:
		types = []string{t}
	case []any:
		for _, one := range t {
			types = append(types, fmt.Sprint(one))
		}
	default:
		return true
	}
	is := "null"
	switch v := v.(type) {
	case bool:
		is = "boolean"
	case string:
		is = "string"
	case map[string]any:
		is = "object"
	case []any:
		is = "array"
	case json.Number:
		is = "number"
		if _, err := v.Int64(); err == nil {
			is = "integer"
		}
	}
	return slices.Contains(types, is) || is == "integer" && slices.Contains(types, "number")
}

// every returns all documented answers, as hold names them.
func (d *document) every() []string {
	var out []string
	for path, operations := range d.Paths {
		for method, operation := range operations {
			for status := range operation.Responses {
				out = append(out, method+" "+path+" "+status)
			}
		}
	}
	slices.Sort(out)
	return out
}
