package schema_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"auwai/internal/event"
	"auwai/internal/fault"
	"auwai/internal/schema"
)

// What is wrong with an event depends on what it says, not on how it is written; and nothing that is an
// event makes a check fail in itself.
func FuzzCheck(f *testing.F) {
	s := open(f, folder(f, map[string]string{
		"a.json": `{
		"type": "object", "required": ["a"], "minProperties": 2, "maxProperties": 9, "additionalProperties": {"type": ["string", "number", "object"]},
		"patternProperties": {"^x": {"maxLength": 3, "format": "uri"}}, "propertyNames": {"maxLength": 5}, "dependencies": {"b": ["c"]},
		"properties": {
			"meta": {"type": "object"},
			"a": {"oneOf": [{"type": "integer", "multipleOf": 2, "maximum": 10}, {"type": "array", "uniqueItems": true, "items": {"$ref": "#"}}]},
			"b": {"anyOf": [{"enum": [1, {"a": null}]}, {"const": [1]}], "default": 1},
			"d": {"type": "array", "contains": {"minimum": 0}, "items": [{"format": "date-time"}, {"not": {"type": "null"}}]}}}`,
	}), nil)
	for _, raw := range []string{
		`{"meta":{},"a":4}`, `{"meta":{},"a":[{"a":2,"meta":{}}],"b":{"a":null},"d":["x",null,1e3]}`, `{"meta":{},"a":1,"xx":"http://é\u0041","c":1E2}`,
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		items, err := event.Parse([]byte(`{"meta":{"stream":"demo"},"e":`+raw+`}`), 1)
		if err != nil || len(items) != 1 || items[0].Err != nil || !json.Valid([]byte(raw)) || raw[0] != '{' {
			return
		}
		got := check(t, s, "/a", raw)
		if k := fault.KindOf(got); got != nil && k != fault.Invalid && k != fault.TooLarge {
			t.Fatalf("Check(%s) = %v", raw, got)
		}
		var spaced bytes.Buffer
		if err := json.Indent(&spaced, []byte(raw), "", " "); err != nil {
			t.Fatal(err)
		}
		again := check(t, s, "/a", spaced.String())
		if (got == nil) != (again == nil) || got != nil && got.Error() != again.Error() {
			t.Fatalf("Check(%s)\n = %v\nand, with space, %v", raw, got, again)
		}
		if wrong, ok := got.(*schema.InvalidError); ok { //nolint:errorlint // it is not wrapped
			if _, err := json.Marshal(wrong.Errors); err != nil {
				t.Fatal(err)
			}
		}
	})
}
