package schema

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"auwai/internal/fault"
)

// maxViolations bounds what is told of one event.
const maxViolations = 20

// maxAllowed bounds the values of an enum that are told.
const maxAllowed = 50

// Violation is one thing that is wrong with an event, with the names and words of Ajv 6, which clients
// of EventGate read.
type Violation struct {
	Keyword    string         `json:"keyword"`    // of the schema: required, type…
	DataPath   string         `json:"dataPath"`   // where in the event: .meta.id, "" for the event itself
	SchemaPath string         `json:"schemaPath"` // where in the schema: #/properties/name/type
	Params     map[string]any `json:"params"`
	Message    string         `json:"message"`
}

// InvalidError says that an event is not valid under a schema.
type InvalidError struct {
	Schema string      // its path
	Errors []Violation // in the order of their places; at most maxViolations
	More   int         // how many are left out
}

// Error returns one sentence with all that is told.
func (e *InvalidError) Error() string {
	text := "the event is not valid under the schema " + e.Schema + ": " + e.Text()
	if e.More > 0 {
		text += "; and " + strconv.Itoa(e.More) + " more"
	}
	return text
}

// Text joins the violations as Ajv does.
func (e *InvalidError) Text() string {
	parts := make([]string, len(e.Errors))
	for i := range e.Errors {
		parts[i] = "data" + e.Errors[i].DataPath + " " + e.Errors[i].Message
	}
	return strings.Join(parts, ", ")
}

// Unwrap says that the input is wrong, and where.
func (e *InvalidError) Unwrap() error {
	first := &e.Errors[0]
	return fault.Field(cmp.Or(strings.TrimPrefix(first.DataPath, "."), "the event"), "%s", first.Message)
}

// invalid makes violations of the validator's tree of errors.
func invalid(at string, event any, err *jsonschema.ValidationError) *InvalidError {
	c := collector{root: base + at, event: event}
	c.collect(err)
	slices.SortStableFunc(c.list, func(a, b Violation) int {
		return cmp.Or(strings.Compare(a.DataPath, b.DataPath), strings.Compare(a.SchemaPath, b.SchemaPath), strings.Compare(a.Message, b.Message))
	})
	n := min(len(c.list), maxViolations)
	return &InvalidError{Schema: at, Errors: c.list[:n:n], More: len(c.list) - n}
}

type collector struct {
	root  string // location of the schema
	event any
	list  []Violation
}

// collect walks the tree. Some errors only hold others together; of some the inner ones are no help.
func (c *collector) collect(err *jsonschema.ValidationError) {
	switch k := err.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.Reference, *kind.AllOf:
		for _, cause := range err.Causes {
			c.collect(cause)
		}
		return
	case *kind.AnyOf, *kind.OneOf:
		for _, cause := range err.Causes {
			c.collect(cause)
		}
	case *kind.Required:
		for _, name := range k.Missing {
			c.add(err, words{"required", fmt.Sprintf("should have required property '%s'", fault.Short(name)), params{"missingProperty": fault.Short(name)}})
		}
		return
	case *kind.AdditionalProperties:
		for _, name := range slices.Sorted(slices.Values(k.Properties)) {
			c.add(err, words{"additionalProperties", "should NOT have additional properties", params{"additionalProperty": fault.Short(name)}})
		}
		return
	}
	c.add(err, wordsOf(err.ErrorKind))
}

func (c *collector) add(err *jsonschema.ValidationError, w words) {
	where := strings.TrimPrefix(err.SchemaURL, c.root)
	if where == err.SchemaURL { // in a schema that this one refers to
		where = strings.TrimPrefix(where, base)
	}
	if path := err.ErrorKind.KeywordPath(); len(path) > 0 {
		where = strings.TrimSuffix(where, "/") + "/" + w.keyword
	}
	c.list = append(c.list, Violation{
		Keyword: w.keyword, DataPath: c.dataPath(err.InstanceLocation), SchemaPath: where, Params: w.params, Message: w.message,
	})
}

// dataPath writes a place in the event as JavaScript would.
func (c *collector) dataPath(tokens []string) string {
	var b strings.Builder
	v := c.event
	for _, t := range tokens {
		switch inner := v.(type) {
		case []any:
			b.WriteString("[" + t + "]")
			if i, err := strconv.Atoi(t); err == nil && i < len(inner) {
				v = inner[i]
			}
			continue
		case map[string]any:
			v = inner[t]
		}
		if isIdentifier(t) {
			b.WriteString("." + fault.Short(t))
		} else {
			b.WriteString("['" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(fault.Short(t)) + "']")
		}
	}
	return b.String()
}

func isIdentifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

type params = map[string]any

// words is a violation without its place.
type words struct {
	keyword, message string
	params           params
}

// wordsOf puts a violation into the words of Ajv 6.
func wordsOf(k jsonschema.ErrorKind) words {
	switch k := k.(type) {
	case *kind.Type:
		types := strings.Join(k.Want, ",")
		return words{"type", "should be " + types, params{"type": types}}
	case *kind.Enum:
		return words{"enum", "should be equal to one of the allowed values", params{"allowedValues": k.Want[:min(len(k.Want), maxAllowed)]}}
	case *kind.Const:
		return words{"const", "should be equal to constant", params{"allowedValue": k.Want}}
	case *kind.Pattern:
		return words{"pattern", fmt.Sprintf("should match pattern %q", k.Want), params{"pattern": k.Want}}
	case *kind.Format:
		return words{"format", fmt.Sprintf("should match format %q", k.Want), params{"format": k.Want}}
	case *kind.Not:
		return words{"not", "should NOT be valid", params{}}
	case *kind.AnyOf:
		return words{"anyOf", "should match some schema in anyOf", params{}}
	case *kind.OneOf:
		return words{"oneOf", "should match exactly one schema in oneOf", params{"passingSchemas": passing(k.Subschemas)}}
	case *kind.FalseSchema:
		return words{"false schema", "boolean schema is false", params{}}
	case *kind.PropertyNames:
		return words{"propertyNames", fmt.Sprintf("property name '%s' is invalid", fault.Short(k.Property)), params{"propertyName": fault.Short(k.Property)}}
	case *kind.Dependency:
		return dependency("dependencies", k.Prop, k.Missing)
	case *kind.DependentRequired:
		return dependency("dependentRequired", k.Prop, k.Missing)
	case *kind.UniqueItems:
		i, j := max(k.Duplicates[0], k.Duplicates[1]), min(k.Duplicates[0], k.Duplicates[1])
		return words{"uniqueItems", fmt.Sprintf("should NOT have duplicate items (items ## %d and %d are identical)", j, i), params{"i": i, "j": j}}
	case *kind.Contains:
		return words{"contains", "should contain a valid item", params{}}
	default:
		return boundOf(k)
	}
}

// boundOf puts what is too large or too small into words.
func boundOf(k jsonschema.ErrorKind) words {
	limit := func(keyword, format string, n int) words {
		return words{keyword, fmt.Sprintf(format, n), params{"limit": n}}
	}
	compare := func(keyword, sign string, n *big.Rat, exclusive bool) words {
		v := number(n)
		return words{keyword, "should be " + sign + " " + v.String(), params{"comparison": sign, "limit": v, "exclusive": exclusive}}
	}
	switch k := k.(type) {
	case *kind.MinLength:
		return limit("minLength", "should NOT be shorter than %d characters", k.Want)
	case *kind.MaxLength:
		return limit("maxLength", "should NOT be longer than %d characters", k.Want)
	case *kind.MinItems:
		return limit("minItems", "should NOT have fewer than %d items", k.Want)
	case *kind.MaxItems:
		return limit("maxItems", "should NOT have more than %d items", k.Want)
	case *kind.AdditionalItems:
		return words{"additionalItems", fmt.Sprintf("should NOT have the last %d items", k.Count), params{"count": k.Count}}
	case *kind.MinProperties:
		return limit("minProperties", "should NOT have fewer than %d properties", k.Want)
	case *kind.MaxProperties:
		return limit("maxProperties", "should NOT have more than %d properties", k.Want)
	case *kind.MinContains:
		return limit("minContains", "should contain at least %d valid items", k.Want)
	case *kind.MaxContains:
		return limit("maxContains", "should contain at most %d valid items", k.Want)
	case *kind.Minimum:
		return compare("minimum", ">=", k.Want, false)
	case *kind.Maximum:
		return compare("maximum", "<=", k.Want, false)
	case *kind.ExclusiveMinimum:
		return compare("exclusiveMinimum", ">", k.Want, true)
	case *kind.ExclusiveMaximum:
		return compare("exclusiveMaximum", "<", k.Want, true)
	case *kind.MultipleOf:
		v := number(k.Want)
		return words{"multipleOf", "should be multiple of " + v.String(), params{"multipleOf": v}}
	default:
		keyword := "schema"
		if path := k.KeywordPath(); len(path) > 0 {
			keyword = path[0]
		}
		return words{keyword, "should be valid under " + keyword, params{}}
	}
}

func dependency(keyword, property string, missing []string) words {
	property, list := fault.Short(property), fault.Short(strings.Join(missing, ", "))
	return words{
		keyword, "should have " + plural(len(missing), "property ", "properties ") + list + " when property " + property + " is present",
		params{"property": property, "missingProperty": fault.Short(missing[0]), "deps": list, "depsCount": len(missing)},
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// passing is nil where no branch of oneOf fits, as Ajv tells it.
func passing(branches []int) any {
	if len(branches) == 0 {
		return nil
	}
	return branches
}

// number writes a bound as the schema has it, or as near as a double comes to it.
func number(r *big.Rat) json.Number {
	if r.IsInt() && len(r.Num().String()) <= maxDigits {
		return json.Number(r.Num().String())
	}
	f, _ := r.Float64()
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
}
