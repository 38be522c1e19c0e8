package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"auwai/internal/fault"
)

// query is a query string that was checked.
type query struct {
	text  map[string]string
	limit int // 0: not given
}

// readQuery reads the query string of a list. An unknown word is an error: a misspelt filter would
// list everything.
func readQuery(r *http.Request, known ...string) (query, error) {
	q := query{text: map[string]string{}}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, fault.Newf(fault.Invalid, "the query string cannot be read: %v", err)
	}
	for name, list := range values {
		switch {
		case !slices.Contains(known, name):
			return q, fault.Field(fault.Short(name), "is not a filter here; use %s", strings.Join(known, ", "))
		case len(list) > 1:
			return q, fault.Field(name, "is given %d times; give it once", len(list))
		}
		q.text[name] = list[0]
	}
	if s := q.text["limit"]; s != "" {
		if q.limit, err = strconv.Atoi(s); err != nil || q.limit < 1 {
			return q, fault.Field("limit", "is %q; a number from 1 to 1000 is expected", fault.Short(s))
		}
	}
	return q, nil
}
