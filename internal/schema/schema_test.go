package schema_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/fault"
	"auwai/internal/schema"
)

// demo wants a name, as the example in EventGate's documents does.
const demo = `{"$schema": "https://json-schema.org/draft-07/schema#", "$id": "/demo/1.0.0", "type": "object", "required": ["name"]}`

// folder writes files and returns their folder.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// open opens a folder in which everything is right.
func open(t testing.TB, dir string, streams map[string]schema.Stream) *schema.Set {
	t.Helper()
	s, err := schema.Open(dir, streams)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Problems() {
		t.Errorf("problem %+v", p)
	}
	return s
}

// check checks an event that names a schema.
func check(t testing.TB, s *schema.Set, at, raw string) error {
	t.Helper()
	return s.Check(t.Context(), schema.Event{
		Raw: []byte(raw), Stream: "demo", Schema: at, Received: time.Date(2026, 11, 24, 1, 2, 3, 4, time.UTC), RequestID: "req",
	})
}

func TestAViolationIsToldAsEventGateDoes(t *testing.T) {
	s := open(t, folder(t, map[string]string{"demo/1.0.0.json": demo}), nil)
	err := check(t, s, "/demo/1.0.0", `{"$schema":"/demo/1.0.0","meta":{"stream":"demo"}}`)
	wrong, ok := errors.AsType[*schema.InvalidError](err)
	if !ok || fault.KindOf(err) != fault.Invalid {
		t.Fatalf("Check = %v", err)
	}
	got, err := json.Marshal(wrong.Errors)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"keyword":"required","dataPath":"","schemaPath":"#/required","params":{"missingProperty":"name"},` +
		`"message":"should have required property 'name'"}]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	if text := wrong.Text(); text != "data should have required property 'name'" {
		t.Errorf("the text is %q", text)
	}
	if err := check(t, s, "/demo/1.0.0", `{"meta":{"stream":"demo"},"name":7}`); err != nil {
		t.Errorf("a valid event: %v", err)
	}
}

func TestEachKeywordHasTheWordsOfAjv(t *testing.T) {
	const text = `{"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"v": %}}`
	for _, x := range [...]struct{ part, value, path, keyword, message string }{
		{`{"type": "string"}`, `7`, ".v", "type", "should be string"},
		{`{"type": ["string", "null"]}`, `7`, ".v", "type", "should be "},
		{`{"enum": [1, "a"]}`, `2`, ".v", "enum", "should be equal to one of the allowed values"},
		{`{"const": 1}`, `2`, ".v", "const", "should be equal to constant"},
		{`{"pattern": "^a+$"}`, `"b"`, ".v", "pattern", `should match pattern "^a+$"`},
		{`{"format": "date-time"}`, `"yesterday"`, ".v", "format", `should match format "date-time"`},
		{`{"maxLength": 3}`, `"abcd"`, ".v", "maxLength", "should NOT be longer than 3 characters"},
		{`{"minLength": 3}`, `"é"`, ".v", "minLength", "should NOT be shorter than 3 characters"},
		{`{"maximum": 5}`, `6`, ".v", "maximum", "should be <= 5"},
		{`{"minimum": 0.5}`, `0`, ".v", "minimum", "should be >= 0.5"},
		{`{"exclusiveMaximum": 5}`, `5`, ".v", "exclusiveMaximum", "should be < 5"},
		{`{"exclusiveMinimum": 5}`, `5`, ".v", "exclusiveMinimum", "should be > 5"},
		{`{"multipleOf": 2}`, `5`, ".v", "multipleOf", "should be multiple of 2"},
		{`{"minItems": 2}`, `[1]`, ".v", "minItems", "should NOT have fewer than 2 items"},
		{`{"maxItems": 1}`, `[1,2]`, ".v", "maxItems", "should NOT have more than 1 items"},
		{`{"uniqueItems": true}`, `[1,2,1]`, ".v", "uniqueItems", "should NOT have duplicate items (items ## 0 and 2 are identical)"},
		{`{"contains": {"const": 1}}`, `[2]`, ".v", "contains", "should contain a valid item"},
		{`{"items": {"type": "string"}}`, `["a",1]`, ".v[1]", "type", "should be string"},
		{`{"items": [{}], "additionalItems": false}`, `[1,2]`, ".v", "additionalItems", "should NOT have the last 1 items"},
		{`{"minProperties": 1}`, `{}`, ".v", "minProperties", "should NOT have fewer than 1 properties"},
		{`{"maxProperties": 1}`, `{"a":1,"b":2}`, ".v", "maxProperties", "should NOT have more than 1 properties"},
		{`{"required": ["a"]}`, `{}`, ".v", "required", "should have required property 'a'"},
		{`{"additionalProperties": false}`, `{"a":1}`, ".v", "additionalProperties", "should NOT have additional properties"},
		{`{"propertyNames": {"maxLength": 1}}`, `{"ab":1}`, ".v", "propertyNames", "property name 'ab' is invalid"},
		{`{"dependencies": {"a": ["b"]}}`, `{"a":1}`, ".v", "dependencies", "should have property b when property a is present"},
		{`{"properties": {"a-b": {"properties": {"0": false}}}}`, `{"a-b":{"0":1}}`, ".v['a-b']['0']", "false schema", "boolean schema is false"},
		{`{"not": {}}`, `1`, ".v", "not", "should NOT be valid"},
		{`{"oneOf": [{}, {}]}`, `1`, ".v", "oneOf", "should match exactly one schema in oneOf"},
	} {
		s := open(t, folder(t, map[string]string{"a.json": strings.Replace(text, "%", x.part, 1)}), nil)
		err := check(t, s, "/a", `{"meta":{},"v":`+x.value+`}`)
		wrong, ok := errors.AsType[*schema.InvalidError](err)
		if !ok || len(wrong.Errors) != 1 {
			t.Errorf("%s of %s: %v", x.part, x.value, err)
			continue
		}
		v := wrong.Errors[0]
		if v.Keyword != x.keyword || v.DataPath != x.path || !strings.HasPrefix(v.Message, x.message) || !strings.HasPrefix(v.SchemaPath, "#/properties/v") {
			t.Errorf("%s of %s: %+v", x.part, x.value, v)
		}
		if _, err := json.Marshal(v); err != nil {
			t.Error(err)
		}
	}
}

func TestBranchesAreToldWithWhatIsWrongInThem(t *testing.T) {
	s := open(t, folder(t, map[string]string{"a.json": `{"allOf": [{"anyOf": [{"required": ["x"]}, {"properties": {"y": {"type": "string"}}}]}]}`}), nil)
	wrong, _ := errors.AsType[*schema.InvalidError](check(t, s, "/a", `{"meta":{},"y":1}`))
	if wrong == nil || wrong.Text() != "data should match some schema in anyOf, data should have required property 'x', data.y should be string" {
		t.Errorf("Check = %v", wrong)
	}
}

func TestManyViolationsAreToldInPartAndInOneOrder(t *testing.T) {
	s := open(t, folder(t, map[string]string{"a.json": `{"additionalProperties": false, "properties": {"meta": {}}}`}), nil)
	var b strings.Builder
	for i := range 100 {
		b.WriteString(`,"p` + strings.Repeat("x", i) + `":1`)
	}
	raw := `{"meta":{}` + b.String() + `}`
	first := check(t, s, "/a", raw)
	wrong, _ := errors.AsType[*schema.InvalidError](first)
	if wrong == nil || len(wrong.Errors) != 20 || wrong.More != 80 || !strings.HasSuffix(first.Error(), "and 80 more") {
		t.Fatalf("Check = %v", first)
	}
	for range 20 {
		if diff := cmp.Diff(first, check(t, s, "/a", raw)); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestDraftsFrom4To2020AreUnderstood(t *testing.T) {
	for draft, x := range map[string]struct{ schema, good, bad string }{
		"draft-04": {`{"$schema": "http://json-schema.org/draft-04/schema#", "properties": {"n": {"maximum": 5, "exclusiveMaximum": true}}}`, `4`, `5`},
		"draft-06": {`{"$schema": "http://json-schema.org/draft-06/schema#", "properties": {"n": {"exclusiveMaximum": 5}}}`, `4`, `5`},
		"draft-07": {`{"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"n": {"if": {"type": "string"}, "else": {"const": 4}}}}`, `4`, `5`},
		"2019-09":  {`{"$schema": "https://json-schema.org/draft/2019-09/schema", "properties": {"n": {"dependentRequired": {"a": ["b"]}}}}`, `{}`, `{"a":1}`},
		"2020-12": {
			`{"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": {"n": {"$dynamicAnchor": "n", "prefixItems": [{"type": "string"}], "items": false}},
			"properties": {"n": {"$dynamicRef": "#n"}}}`, `["a"]`, `["a",1]`,
		},
		"format in 2020-12": {`{"$schema": "https://json-schema.org/draft/2020-12/schema", "properties": {"n": {"format": "ipv4"}}}`, `"127.0.0.1"`, `"x"`},
		"none":              {`{"properties": {"n": {"dependencies": {"a": ["b"]}}}}`, `{}`, `{"a":1}`},
	} {
		t.Run(draft, func(t *testing.T) {
			s := open(t, folder(t, map[string]string{"a.json": x.schema}), nil)
			if err := check(t, s, "/a", `{"meta":{},"n":`+x.good+`}`); err != nil {
				t.Errorf("good: %v", err)
			}
			if err := check(t, s, "/a", `{"meta":{},"n":`+x.bad+`}`); fault.KindOf(err) != fault.Invalid {
				t.Errorf("bad: %v", err)
			}
		})
	}
}

func TestReferencesStayInTheFolder(t *testing.T) {
	asked := make(chan string, 10)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		_, _ = w.Write([]byte("{}"))
	}))
	defer web.Close()
	outside := folder(t, map[string]string{"o.json": `{"type": "object"}`})
	dir := folder(t, map[string]string{
		// As Wikimedia's are: $id and $ref are absolute paths in the folder.
		"demo/1.0.0.yaml":            "$schema: https://json-schema.org/draft-07/schema#\n$id: /demo/1.0.0\nallOf:\n  - $ref: /fragment/common/2.0.0#\n",
		"fragment/common/2.0.0.yaml": "$id: /fragment/common/2.0.0\nproperties:\n  meta:\n    required: [stream]\n",
		"relative.json":              `{"$ref": "demo/1.0.0"}`,
		"web.json":                   `{"$ref": "` + web.URL + `/x.json"}`,
		"meta.json":                  `{"$schema": "` + web.URL + `/meta.json"}`,
		"file.json":                  `{"$ref": "file://` + outside + `/o.json"}`,
		"up.json":                    `{"$ref": "../../../o.json"}`,
		"missing.json":               `{"$ref": "/nowhere/1.0.0"}`,
	})
	if err := os.Symlink(filepath.Join(outside, "o.json"), filepath.Join(dir, "link.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("1.0.0.yaml", filepath.Join(dir, "demo", "latest.yaml")); err != nil {
		t.Fatal(err)
	}
	s, err := schema.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	broken := map[string]bool{}
	for _, p := range s.Problems() {
		broken[p.Path] = true
		if strings.Contains(p.Err.Error(), "schemas.invalid") {
			t.Errorf("%s: %v", p.Path, p.Err)
		}
	}
	want := map[string]bool{"/web": true, "/meta": true, "/file": true, "/up": true, "/missing": true, "/link": true}
	if diff := cmp.Diff(want, broken); diff != "" {
		t.Errorf("problems: %s\n%+v", diff, s.Problems())
	}
	if len(asked) > 0 {
		t.Errorf("the network was asked for %s", <-asked)
	}
	for _, at := range []string{"/demo/1.0.0", "demo/1.0.0", "/demo/1.0.0.yaml", "/demo/1.0.0#", "/demo/latest", "/relative"} {
		wrong, _ := errors.AsType[*schema.InvalidError](check(t, s, at, `{"meta":{}}`))
		if wrong == nil || wrong.Errors[0].DataPath != ".meta" || wrong.Errors[0].SchemaPath != "/fragment/common/2.0.0#/properties/meta/required" {
			t.Errorf("%s: %v", at, wrong)
		}
	}
	if err := check(t, s, "/missing", `{"meta":{}}`); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "/missing cannot be used") {
		t.Errorf("an event that names a broken schema: %v", err)
	}
	if s.Len() != 4 {
		t.Errorf("%d schemas, want 4", s.Len())
	}
}

func TestWhatTheIntakeKnowsAndDefaultsAreFilledIn(t *testing.T) {
	s := open(t, folder(t, map[string]string{"a.json": `{
		"required": ["kind", "list"],
		"allOf": [{"$ref": "#/definitions/d"}],
		"definitions": {"d": {"properties": {"kind": {"default": "x"}}}},
		"properties": {
			"meta": {"required": ["id", "dt", "request_id"], "properties": {
				"id": {"pattern": "^[a-f0-9]{8}(-[a-f0-9]{4}){3}-[a-f0-9]{12}$"}, "dt": {"format": "date-time"}, "request_id": {"minLength": 3}}},
			"list": {"default": [{}], "items": {"required": ["n"], "properties": {"n": {"default": 1}}}}}}`}), nil)
	for _, raw := range []string{`{"meta":{"stream":"demo"}}`, `{"meta":{"dt":"yesterday","id":"01234567-0123-0123-0123-0123456789ab"}}`} {
		if err := check(t, s, "/a", raw); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
	for raw, path := range map[string]string{
		`{"meta":{"id":"x"}}`:                           ".meta.id",
		`{"meta":{"dt":"yesterday","domain":"canary"}}`: ".meta.dt",
		`{"meta":{"request_id":"x"}}`:                   ".meta.request_id",
	} {
		wrong, _ := errors.AsType[*schema.InvalidError](check(t, s, "/a", raw))
		if wrong == nil || wrong.Errors[0].DataPath != path {
			t.Errorf("%s: %v", raw, wrong)
		}
	}
}

func TestStreamsHaveSchemasOfTheirOwn(t *testing.T) {
	dir := folder(t, map[string]string{"demo/1.0.0.json": demo, "other.json": `{"required": ["other"]}`})
	s := open(t, dir, map[string]schema.Stream{
		"with": {Schema: "demo/1.0.0"}, "strict": {Required: true}, "both": {Schema: "/demo/1.0.0", Required: true},
	})
	for _, x := range [...]struct {
		stream, schema, raw string
		words               string // "": valid
	}{
		{"free", "", `{"meta":{}}`, ""},
		{"free", "/nowhere", `{"meta":{}}`, ""},
		{"free", "https://elsewhere.example/demo/1.0.0", `{"meta":{}}`, ""},
		{"free", "/other", `{"meta":{}}`, "'other'"},
		{"with", "", `{"meta":{}}`, "'name'"},
		{"with", "/nowhere", `{"meta":{}}`, "'name'"},
		{"with", "", `{"meta":{},"name":1}`, ""},
		{"with", "/other", `{"meta":{},"name":1}`, "'other'"}, // both
		{"strict", "", `{"meta":{}}`, "$schema: is missing"},
		{"strict", "/nowhere", `{"meta":{}}`, `$schema: "/nowhere" is no schema`},
		{"strict", "/other", `{"meta":{}}`, "'other'"},
		{"strict", "/other", `{"meta":{},"other":1}`, ""},
		{"both", "", `{"meta":{},"name":1}`, "$schema: is missing"},
		{"both", "/demo/1.0.0", `{"meta":{},"name":1}`, ""},
	} {
		err := s.Check(t.Context(), schema.Event{Raw: []byte(x.raw), Stream: x.stream, Schema: x.schema})
		if x.words == "" && err != nil || x.words != "" && (fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), x.words)) {
			t.Errorf("%+v: %v", x, err)
		}
	}
}

func TestProblemsOfStreamsComeFirst(t *testing.T) {
	dir := folder(t, map[string]string{"a.json": `{"type": 7}`, "b.json": `{`, "c.json": demo})
	s, err := schema.Open(dir, map[string]schema.Stream{"one": {Schema: "/nowhere"}, "two": {Schema: "/a"}, "three": {Schema: "/c"}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range s.Problems() {
		got = append(got, p.Stream+" "+p.Path)
	}
	if diff := cmp.Diff([]string{"one /nowhere", "two /a", " /b"}, got); diff != "" {
		t.Error(diff)
	}
	if err := s.Check(t.Context(), schema.Event{Raw: []byte(`{"meta":{}}`), Stream: "one"}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("an event of a stream whose schema is missing: %v", err)
	}
}

func TestAFolderThatIsNoneIsToldByName(t *testing.T) {
	if _, err := schema.Open(filepath.Join(t.TempDir(), "gone"), nil); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "gone") {
		t.Errorf("Open = %v", err)
	}
	dir := folder(t, map[string]string{".git/x.json": "{", "node_modules/y.json": "{", "README.md": "x", "package.lock": "{"})
	if s := open(t, dir, nil); s.Len() != 0 {
		t.Errorf("%d schemas", s.Len())
	}
}

func TestAnEventThatIsTooMuchToCheckIsRefused(t *testing.T) {
	s := open(t, folder(t, map[string]string{"a.json": `{"properties": {"n": {"minimum": 1}}}`}), nil)
	for value, ok := range map[string]bool{
		"1e400": true, "1e-400": false, strings.Repeat("9", 100): true, `"1e999999999"`: true, `"\"1e999999999"`: true, // 1e-400 is below 1
		"1e401": false, "1e999999999": false, "-1E+99999999999999999999": false, "1e-999999999": false, strings.Repeat("9", 101): false,
		"[" + strings.Repeat("1,", 99_000) + "1]": true, "[" + strings.Repeat("1,", 100_000) + "1]": false,
		"[" + strings.Repeat("[],", 60_000) + "1]": false, // 60,000 commas and as many brackets
		`"` + strings.Repeat(",", 200_000) + `"`:   true,
	} {
		if err := check(t, s, "/a", `{"meta":{},"n":`+value+`}`); (err == nil) != ok {
			t.Errorf("%.40s: %v", value, err)
		}
	}
}

func TestACheckThatCannotBeginIsUnavailable(t *testing.T) {
	s := open(t, folder(t, map[string]string{"a.json": `{}`}), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 { // a free slot and the end are both there: either is right
		if err := s.Check(ctx, schema.Event{Raw: []byte(`{"meta":{}}`), Schema: "/a"}); err != nil && fault.KindOf(err) != fault.Unavailable {
			t.Errorf("Check = %v", err)
		}
	}
}

func TestYAMLIsReadAsTheJSONThatItStandsFor(t *testing.T) {
	s := open(t, folder(t, map[string]string{"a.yaml": `
properties:
  hex: {const: 0x10}
  date: {const: 2020-01-02}
  yes: {const: true}
  nothing: {const: null}
  large: {const: 12345678901234567890}
  share: &share {type: string}
  again: *share
`}), nil)
	good := `{"meta":{},"hex":16,"date":"2020-01-02","yes":true,"nothing":null,"large":12345678901234567890,"share":"a","again":"b"}`
	if err := check(t, s, "/a", good); err != nil {
		t.Error(err)
	}
	if err := check(t, s, "/a", `{"meta":{},"large":12345678901234567891,"again":1}`); err == nil || !strings.Contains(err.Error(), "data.again") || !strings.Contains(err.Error(), "data.large") {
		t.Errorf("Check = %v", err)
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'i'; c++ {
		before := "*" + string(c-1)
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat(before+",", 8) + before + "]\n"
	}
	for name, text := range map[string]string{"bomb": bomb, "empty": "", "twice": "a: 1\na: 2\n", "keys": "{[1]: 2}\n", "infinite": "a: .inf\n"} {
		broken, err := schema.Open(folder(t, map[string]string{"x.yaml": text}), nil)
		if err != nil || len(broken.Problems()) != 1 {
			t.Errorf("%s: %v, %+v", name, err, broken)
		}
	}
}
