package config

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"auwai/internal/fault"
)

// Bounds of limits.
const (
	maxRate   = 100_000 // a second; more is no limit
	leastRate = 0.0001  // one in about three hours
	maxBurst  = 10_000_000
	maxWeight = 100
	maxRank   = 100
	maxCores  = 100_000
)

// Limit bounds what runs at once and what starts a second, where several queues or wikis share it.
// Zero values: no limit, and the default burst.
type Limit struct {
	Concurrency int
	Rate, Burst float64
}

// Needs is what a job needs of the worker that runs it. Zero: nothing in particular.
type Needs struct {
	Cores  float64
	Memory int64 // bytes
}

// rate reads work items a second; 0 is no limit.
func (r *reader) rate(n *yaml.Node, path string) (float64, bool) {
	v, ok := r.factor(n, path, 0, maxRate)
	if ok && v > 0 && v < leastRate {
		r.fault(n, path, "is %s a second; 0 for no limit, or at least %g is expected", n.Value, leastRate)
		return 0, false
	}
	return v, ok
}

func (r *reader) burst(n *yaml.Node, path string) (float64, bool) {
	return r.factor(n, path, 1, maxBurst)
}

// tags reads the limits of tags. A key is name=value, as the tags of wikis.
func (r *reader) tags(c *Config, n *yaml.Node, path string) {
	r.each(n, path, func(key, value *yaml.Node, at string) {
		if !r.name(key, at, "tag") {
			return
		}
		name, tag, ok := strings.Cut(key.Value, "=")
		if !ok || name == "" || tag == "" {
			r.fault(key, at, "is no tag; write name=value as in db=s1, or host=wiki.example.org:443")
			return
		}
		var l Limit
		r.object(value, at, map[string]field{
			"concurrency": func(n *yaml.Node, at string) { set(&l.Concurrency)(r.number(n, at, maxConcurrency)) },
			"rate":        func(n *yaml.Node, at string) { set(&l.Rate)(r.rate(n, at)) },
			"burst":       func(n *yaml.Node, at string) { set(&l.Burst)(r.burst(n, at)) },
		})
		c.Tags[key.Value] = l
	})
}

func (r *reader) needs(needs *Needs, n *yaml.Node, path string) {
	r.object(n, path, map[string]field{
		"cores":  func(n *yaml.Node, at string) { set(&needs.Cores)(r.factor(n, at, 0, maxCores)) },
		"memory": func(n *yaml.Node, at string) { set(&needs.Memory)(r.bytes(n, at)) },
	})
}

// bytes reads a size such as 512MiB.
func (r *reader) bytes(n *yaml.Node, path string) (int64, bool) {
	v, err := ParseSize(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		r.fault(n, path, "is %s; a size such as 512MiB or 2GiB is expected", describe(n))
		return 0, false
	}
	return v, true
}

// ParseSize reads a number of bytes with a unit, such as 512MiB or 2GiB; the units are powers of 1024.
func ParseSize(text string) (int64, error) {
	m := regexp.MustCompile(`^(\d{1,12})(?:([KMGT])i?B)?$`).FindStringSubmatch(text)
	if m == nil {
		return 0, fault.Newf(fault.Invalid, "%q is no size; write it as 512MiB or 2GiB", fault.Short(text))
	}
	v, err := strconv.ParseInt(m[1], 10, 64)
	shift := map[string]int{"": 0, "K": 10, "M": 20, "G": 30, "T": 40}[m[2]]
	if err != nil || v > math.MaxInt64>>shift {
		return 0, fault.Newf(fault.Invalid, "%s is more than any machine has", text)
	}
	return v << shift, nil
}

// classes reads words for how attempts fail: a status of HTTP, a family of them, a word of package
// runner, or a class of exceptions of MediaWiki.
func (r *reader) classes(n *yaml.Node, path string) []string {
	class := regexp.MustCompile(`^([1-5][0-9][0-9]|[45]xx|timeout|connection|crash|error|exception:[A-Za-z_\\][A-Za-z0-9_\\]*)$`)
	out := []string{} // an empty list is not "all"
	r.list(n, path, "classes of failure", func(n *yaml.Node, at string) {
		s := n.Value
		switch {
		case n.Kind != yaml.ScalarNode || isNull(n):
			r.fault(n, at, "is %s; a class of failure is expected", describe(n))
		case !class.MatchString(s):
			r.fault(n, at, "is %s; a status such as 404, 4xx, 5xx, timeout, connection, crash, error, or exception:DBQueryError is expected", describe(n))
		default:
			out = append(out, s)
		}
	})
	return out
}

// integer reads a whole number from least to most.
func (r *reader) integer(n *yaml.Node, path string, least, most int) (int, bool) {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil {
		r.fault(n, path, "is %s; a whole number is expected", describe(n))
		return 0, false
	}
	if v < least || v > most {
		r.fault(n, path, "is %d; a number from %d to %d is expected", v, least, most)
		return 0, false
	}
	return v, true
}

// flag reads true or false.
func (r *reader) flag(n *yaml.Node, path string) (value, ok bool) {
	v, err := strconv.ParseBool(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || err != nil {
		r.fault(n, path, "is %s; true or false is expected", describe(n))
		return false, false
	}
	return v, true
}
