package schema

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"auwai/internal/fault"
)

// Bounds of an event that is checked.
const (
	// maxValues bounds the memory of a check: each value costs some 100 bytes, and as much again when
	// it is wrong. Events of MediaWiki have some hundred.
	maxValues = 100_000
	// maxDigits and maxExponent bound a number: the validator computes with exact fractions.
	maxDigits   = 100
	maxExponent = 400 // more than a double has
	// maxHops bounds the references that are followed for defaults without going deeper in the event,
	// and maxFills all that are: a schema may refer to itself twice.
	maxHops  = 32
	maxFills = 10 * maxValues
)

// bounded refuses an event whose check would cost too much. raw is JSON that was checked.
func bounded(raw []byte) error {
	values := 1
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '"':
			for i++; i < len(raw) && raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					i++
				}
			}
		case c == ',' || c == '{' || c == '[':
			values++
		case c == '-' || c >= '0' && c <= '9':
			end := i
			for end < len(raw) && bytes.IndexByte([]byte("+-.0123456789eE"), raw[end]) >= 0 {
				end++
			}
			if err := boundedNumber(raw[i:end]); err != nil {
				return err
			}
			i = end - 1
		}
		if values > maxValues {
			return fault.Newf(fault.TooLarge, "the event has more than %d values, too many for the check of its schema; send it in parts", maxValues)
		}
	}
	return nil
}

func boundedNumber(n []byte) error {
	exponent := 0
	if at := bytes.IndexAny(n, "eE"); at >= 0 {
		var err error
		if exponent, err = strconv.Atoi(string(n[at+1:])); err != nil {
			exponent = maxExponent + 1
		}
	}
	if len(n) > maxDigits || exponent > maxExponent || exponent < -maxExponent {
		return fault.Newf(fault.TooLarge, "the number %s is too long, or its exponent too large, for the check of a schema; send it as a string",
			fault.Short(string(n)))
	}
	return nil
}

// placeholder stands for the id that an event without one is given by EventGate.
const placeholder = "00000000-0000-4000-8000-000000000000"

// prepare decodes an event and fills in what the intake knows of it.
func prepare(e *Event) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(e.Raw))
	d.UseNumber()
	var event map[string]any
	if err := d.Decode(&event); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "read the event for the check of its schema")
	}
	meta, ok := event["meta"].(map[string]any)
	if !ok {
		return event, nil
	}
	if meta["domain"] != "canary" || meta["dt"] == nil {
		meta["dt"] = e.Received.UTC().Format(time.RFC3339Nano)
	}
	for key, value := range map[string]string{"id": placeholder, "request_id": e.RequestID} {
		if _, there := meta[key]; !there && value != "" {
			meta[key] = value
		}
	}
	return event, nil
}

// filler gives missing properties the defaults that the schema has for them, as Ajv's useDefaults does:
// not below anyOf, oneOf, not and if, where no branch is chosen yet.
type filler struct{ left int }

func (f *filler) fill(s *jsonschema.Schema, v any, hops int) {
	if f.left--; s == nil || hops > maxHops || f.left < 0 {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for name, p := range s.Properties {
			if _, there := v[name]; !there && p.Default != nil {
				v[name] = clone(*p.Default)
			}
			if inner, there := v[name]; there {
				f.fill(p, inner, 0)
			}
		}
	case []any:
		f.items(s, v)
	default:
		return
	}
	f.fill(s.Ref, v, hops+1)
	for _, part := range s.AllOf {
		f.fill(part, v, hops+1)
	}
}

func (f *filler) items(s *jsonschema.Schema, list []any) {
	first, rest := s.PrefixItems, s.Items2020
	switch items := s.Items.(type) { // as drafts before 2020-12 have it
	case *jsonschema.Schema:
		rest = items
	case []*jsonschema.Schema:
		first = items
	}
	for i, v := range list {
		if i < len(first) {
			f.fill(first[i], v, 0)
		} else if rest != nil {
			f.fill(rest, v, 0)
		}
	}
}

// clone copies a default, since defaults within it are filled in at the place where it stands.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, inner := range v {
			m[key] = clone(inner)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, inner := range v {
			list[i] = clone(inner)
		}
		return list
	default:
		return v
	}
}
