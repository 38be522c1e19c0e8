package intake

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"auwai/internal/event"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
)

// QueueRules is what the active configuration says of a queue's jobs when they arrive.
type QueueRules struct {
	Rules *jobqueue.Rules // nil: the zero value
	// SerializeBy names what only one job at a time runs for: key, root, page or params.<name>; "" for
	// nothing.
	SerializeBy string
	Needs       jobqueue.Needs
	// MaxPending is how many jobs may wait in the queue of a wiki; a push over it is refused, an event is
	// taken. 0: any number.
	MaxPending int
}

func (s *Settings) rules(queue string) *QueueRules {
	if q, ok := s.Queues[queue]; ok {
		return q
	}
	if s.Default != nil {
		return s.Default
	}
	return &QueueRules{}
}

// arrive gives a job what its queue's rules say of it. params are those of its payload, nil when it has
// none.
func (q *QueueRules) arrive(n *jobqueue.New, params []byte) {
	n.Rules = q.Rules
	if n.Needs == (jobqueue.Needs{}) {
		n.Needs = q.Needs
	}
	if n.SerialKey == "" && q.SerializeBy != "" {
		n.SerialKey = serialKey(q.SerializeBy, n, params)
	}
}

// serialKey returns the key of a job that is serialized by a field; "" when the job has no such field, and
// is not serialized.
func serialKey(by string, n *jobqueue.New, params []byte) string {
	switch by {
	case "key":
		return n.Key
	case "root":
		return n.Root.Signature
	case "page":
		return pageOf(params)
	}
	name, ok := strings.CutPrefix(by, "params.")
	if !ok {
		return ""
	}
	return bounded(plain(member(params, name)))
}

// member returns the value of a key of a JSON object, nil when it is none, or has none. Of a repeated key
// the last one counts.
func member(object []byte, name string) (value []byte) {
	if len(object) == 0 || object[0] != '{' {
		return nil
	}
	if event.Fields(object, func(key string, v []byte) error {
		if key == name {
			value = v
		}
		return nil
	}) != nil {
		return nil
	}
	return value
}

// plain returns a JSON value as text: a string without its quotes, null and nothing as "".
func plain(value []byte) string {
	switch {
	case len(value) == 0 || string(value) == "null":
		return ""
	case value[0] == '"':
		s, err := event.Text("", value)
		if err != nil {
			return ""
		}
		return s
	default:
		return string(value)
	}
}

// pageOf returns the page that a MediaWiki job is about, as namespace and title: that of a job for one
// page of several (pages has its number, namespace and title), else the one that it names.
func pageOf(params []byte) string {
	if pages := member(params, "pages"); len(pages) > 0 && pages[0] == '{' {
		if page, one := only(pages); one {
			return page
		}
	}
	title := plain(member(params, "title"))
	if title == "" {
		return ""
	}
	return bounded(plain(member(params, "namespace")) + ":" + title)
}

// only returns the page of an object of pages that has one.
func only(pages []byte) (page string, ok bool) {
	n := 0
	if event.Fields(pages, func(_ string, v []byte) error {
		n++
		list, isList, err := event.Split(v, 2)
		if err != nil || !isList || len(list) != 2 {
			n++
			return err
		}
		page = plain(list[0].Raw) + ":" + plain(list[1].Raw)
		return nil
	}) != nil {
		return "", false
	}
	return bounded(page), n == 1
}

// arrival reads the fields of a job that say how it waits.
func (f fields) arrival(n *jobqueue.New, before []*job) (err error) {
	if n.SerialKey, err = f.long("serial"); err != nil {
		return err
	}
	if n.ExpireAt, err = f.moment("expire_at"); err != nil {
		return err
	}
	if n.Needs, err = f.needs(); err != nil {
		return err
	}
	cause, err := f.text("cause")
	if err != nil {
		return err
	}
	if n.Cause, err = jobqueue.ParseCause(f.name("cause"), cause); err != nil {
		return err
	}
	n.WaitsFor, err = f.waitsFor(n.Wiki, before)
	return err
}

// needs reads {cores, memory}.
func (f fields) needs() (n jobqueue.Needs, err error) {
	if !f.has("needs") {
		return n, nil
	}
	g, err := readFields(f.name("needs"), f.raw["needs"], "cores", "memory")
	if err != nil {
		return n, err
	}
	if n.Cores, err = g.number("cores", maxCores); err != nil {
		return n, err
	}
	memory, err := g.number("memory", math.MaxInt64/2)
	if err != nil {
		return n, err
	}
	n.Memory = int64(memory)
	return n, nil
}

// maxCores bounds needs.cores: more is a mistake.
const maxCores = 1 << 20

// number reads a number from 0 to most; absent and null give 0.
func (f fields) number(key string, most float64) (float64, error) {
	if !f.has(key) {
		return 0, nil
	}
	x, err := strconv.ParseFloat(string(f.raw[key]), 64)
	if err != nil || !(x >= 0 && x <= most) {
		return 0, fault.Field(f.name(key), "is %s; a number from 0 to %g is expected", fault.Short(f.raw[key]), most)
	}
	return x, nil
}

// clientPrefix begins the name of an earlier job of the same request in waits_for.
const clientPrefix = "client_id:"

// waitsFor reads a list of ids of jobs of the wiki, or of client ids of jobs before it in the request.
func (f fields) waitsFor(wiki string, before []*job) ([]ident.Suffix, error) {
	if !f.has("waits_for") {
		return nil, nil
	}
	list, isList, err := event.Split(f.raw["waits_for"], jobqueue.MaxWaits)
	if err != nil || !isList {
		return nil, fault.Field(f.name("waits_for"), "is no array of at most %d ids of jobs", jobqueue.MaxWaits)
	}
	ids := make([]ident.Suffix, len(list))
	for i, e := range list {
		field := fmt.Sprintf("%s[%d]", f.name("waits_for"), i)
		text, err := event.Text(field, bytes.TrimSpace(e.Raw))
		if err != nil {
			return nil, err
		}
		if ids[i], err = waitFor(field, text, wiki, before); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func waitFor(field, text, wiki string, before []*job) (ident.Suffix, error) {
	if name, ok := strings.CutPrefix(text, clientPrefix); ok {
		for _, j := range before {
			if j.new.Wiki == wiki && j.new.ClientID == name && j.err == nil {
				return j.new.ID, nil
			}
		}
		return ident.Suffix{}, fault.Field(field, "%q names no job of the wiki before this one in the request; put that one first, or give its id", fault.Short(text))
	}
	id, ok := ident.Parse(text)
	switch {
	case !ok:
		return ident.Suffix{}, fault.Field(field, "%q is no id of a job; give one as it was answered, or client_id:NAME of a job before this one in the request", fault.Short(text))
	case id.Wiki != wiki:
		return ident.Suffix{}, fault.Field(field, "%q is of wiki %q; a job waits for jobs of its own wiki %q only", fault.Short(text), fault.Short(id.Wiki), fault.Short(wiki))
	}
	return id.Suffix, nil
}
