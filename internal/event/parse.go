package event

import (
	"bytes"
	"cmp"
	"strings"
	"time"

	"auwai/internal/fault"
)

// Parse reads the events of a body, at most limit of them. The error is of the whole body.
func Parse(body []byte, limit int) ([]Item, error) {
	p := parser{b: body}
	var items []Item
	_, err := each(body, limit, p.read, func(raw []byte, err error) {
		it := Item{Raw: raw, Err: err}
		if err == nil {
			it.Event, it.Err = p.event(raw)
		}
		items = append(items, it)
	})
	if err != nil {
		return nil, err
	}
	return items, nil
}

// span is where a field's value stands in the body; to 0 means that it is absent.
type span struct{ from, to int }

// level is which object the parser is in.
type level uint8

const (
	top level = iota
	inMeta
	inRoot
	inParams
	elsewhere
)

// found holds the values of one event that matter.
type found struct {
	schema, database, wikiID, typ, delay, sha1, meta, rootEvent, params span

	stream, id, dt, domain, uri, requestID span // of meta
	rootSig, rootDT                        span // of root_event
	selfRoot, paramSig, paramTS, pages     span // of params
}

type parser struct {
	b       []byte
	f       found
	scratch []byte
	texts   [16]pending
	n       int
	slab    []Event // events are made 32 at a time
}

func (p *parser) fresh() *Event {
	if len(p.slab) == 0 {
		p.slab = make([]Event, 32)
	}
	e := &p.slab[0]
	p.slab = p.slab[1:]
	return e
}

// read checks the element at i and notes where its fields are.
func (p *parser) read(i int) (int, error) {
	p.f = found{}
	if i < len(p.b) && p.b[i] == '{' {
		return p.object(i, 0, top)
	}
	return value(p.b, i, 0)
}

func (p *parser) object(i, depth int, in level) (int, error) {
	if depth >= MaxDepth {
		return i, tooDeep(p.b, i)
	}
	i = space(p.b, i+1)
	if i < len(p.b) && p.b[i] == '}' {
		return i + 1, nil
	}
	for {
		key, at, err := name(p.b, i)
		if err != nil {
			return at, err
		}
		if bytes.IndexByte(key, '\\') >= 0 {
			if plain, ok := unquote(nil, key); ok {
				key = plain
			}
		}
		slot, inner := p.slot(in, key)
		if inner != elsewhere && at < len(p.b) && p.b[at] == '{' {
			i, err = p.object(at, depth+1, inner)
		} else {
			i, err = value(p.b, at, depth+1)
		}
		if err != nil {
			return i, err
		}
		if slot != nil {
			*slot = span{at, i}
		}
		var done bool
		if i, done, err = next(p.b, i, '}'); err != nil || done {
			return i, err
		}
	}
}

// slot returns where the value of a key is noted, nil for none, and which object its value is. Of a
// repeated key the last one counts, with all that is in it.
func (p *parser) slot(in level, key []byte) (*span, level) {
	f := &p.f
	switch in {
	case top:
		return f.topSlot(key)
	case inMeta:
		return f.metaSlot(key), elsewhere
	case inRoot:
		switch string(key) {
		case "signature":
			return &f.rootSig, elsewhere
		case "dt":
			return &f.rootDT, elsewhere
		}
	case inParams:
		switch string(key) {
		case "rootJobIsSelf":
			return &f.selfRoot, elsewhere
		case "rootJobSignature":
			return &f.paramSig, elsewhere
		case "rootJobTimestamp":
			return &f.paramTS, elsewhere
		case "pages":
			return &f.pages, elsewhere
		}
	case elsewhere:
	}
	return nil, elsewhere
}

func (f *found) topSlot(key []byte) (*span, level) {
	switch string(key) {
	case "meta":
		f.stream, f.id, f.dt, f.domain, f.uri, f.requestID = span{}, span{}, span{}, span{}, span{}, span{}
		return &f.meta, inMeta
	case "root_event":
		f.rootSig, f.rootDT = span{}, span{}
		return &f.rootEvent, inRoot
	case "params":
		f.selfRoot, f.paramSig, f.paramTS, f.pages = span{}, span{}, span{}, span{}
		return &f.params, inParams
	case "$schema":
		return &f.schema, elsewhere
	case "database":
		return &f.database, elsewhere
	case "wiki_id":
		return &f.wikiID, elsewhere
	case "type":
		return &f.typ, elsewhere
	case "delay_until":
		return &f.delay, elsewhere
	case "sha1":
		return &f.sha1, elsewhere
	default:
		return nil, elsewhere
	}
}

func (f *found) metaSlot(key []byte) *span {
	switch string(key) {
	case "stream":
		return &f.stream
	case "id":
		return &f.id
	case "dt":
		return &f.dt
	case "domain":
		return &f.domain
	case "uri":
		return &f.uri
	case "request_id":
		return &f.requestID
	default:
		return nil
	}
}

// pending is a string that is on its way into an event.
type pending struct {
	dst      *string
	from, to int // in scratch
}

// collect notes the string of a field; absent and null leave dst empty.
func (p *parser) collect(dst *string, field string, at span) error {
	if at.to == 0 || p.b[at.from] == 'n' {
		return nil
	}
	raw := p.b[at.from:at.to]
	if raw[0] != '"' {
		return fault.Field(field, "is %s; a string is expected", describe(raw))
	}
	from := len(p.scratch)
	var ok bool
	if p.scratch, ok = unquote(p.scratch, raw[1:len(raw)-1]); !ok {
		return fault.Field(field, "%q has half a surrogate pair; send valid Unicode", fault.Short(raw))
	}
	p.texts[p.n] = pending{dst, from, len(p.scratch)}
	p.n++
	return nil
}

// deliver gives the collected strings to the event, all cut from one.
func (p *parser) deliver() {
	all := string(p.scratch)
	for n := range p.n {
		t := &p.texts[n]
		*t.dst = all[t.from:t.to]
	}
}

// event makes an event of what read has noted.
func (p *parser) event(raw []byte) (*Event, error) {
	f := &p.f
	if raw[0] != '{' {
		return nil, fault.Newf(fault.Invalid, "an event is a JSON object, not %s", describe(raw))
	}
	if f.meta.to == 0 || p.b[f.meta.from] != '{' {
		return nil, fault.Field("meta", "is %s; an object with at least stream is expected", describe(p.at(f.meta)))
	}
	e := p.fresh()
	e.Raw = raw
	var database, dt, delay, rootDT, paramSig, paramTS string
	p.scratch, p.n = p.scratch[:0], 0
	if err := p.collect(&e.Stream, "meta.stream", f.stream); err != nil {
		return nil, err
	}
	isJob := bytes.HasPrefix(p.scratch, []byte(JobStreamPrefix))
	err := cmp.Or(
		p.collect(&e.Schema, "$schema", f.schema),
		p.collect(&e.ID, "meta.id", f.id),
		p.collect(&dt, "meta.dt", f.dt),
		p.collect(&e.Domain, "meta.domain", f.domain),
		p.collect(&e.URI, "meta.uri", f.uri),
		p.collect(&e.RequestID, "meta.request_id", f.requestID),
		p.collect(&database, "database", f.database),
		p.collect(&e.Wiki, "wiki_id", f.wikiID),
	)
	if err == nil && isJob {
		err = cmp.Or(
			p.collect(&e.Type, "type", f.typ),
			p.collect(&e.SHA1, "sha1", f.sha1),
			p.collect(&delay, "delay_until", f.delay),
			p.collect(&e.Root.Signature, "root_event.signature", f.rootSig),
			p.collect(&rootDT, "root_event.dt", f.rootDT),
		)
	}
	if err != nil {
		return nil, err
	}
	if isJob && f.rootEvent.to == 0 && p.isText(f.paramSig) && p.isText(f.paramTS) {
		// MediaWiki's own names of the root; free-form, so what is no string is no root.
		_ = p.collect(&paramSig, "params.rootJobSignature", f.paramSig)
		_ = p.collect(&paramTS, "params.rootJobTimestamp", f.paramTS)
	}
	p.deliver()
	if database != "" {
		e.Wiki = database
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	if dt != "" {
		e.DT, err = Time("meta.dt", dt)
		e.DTWrong = err != nil
	}
	if !isJob {
		return e, nil
	}
	e.Params = p.at(f.params)
	e.pages = f.pages.to != 0
	return e, e.job(delay, rootDT, paramSig, paramTS, p.isTrue(f.selfRoot))
}

func (p *parser) at(s span) []byte {
	if s.to == 0 {
		return nil
	}
	return p.b[s.from:s.to:s.to]
}

func (p *parser) isText(s span) bool { return s.to != 0 && p.b[s.from] == '"' }

func (p *parser) isTrue(s span) bool {
	v := string(p.at(s))
	return v == "true" || v == "1"
}

// check refuses names that cannot be names.
func (e *Event) check() error {
	if e.Stream == "" {
		return fault.Field("meta.stream", "is missing; name the stream that the event belongs to")
	}
	for _, x := range [...]struct{ field, s string }{
		{"meta.stream", e.Stream}, {"meta.id", e.ID}, {"meta.domain", e.Domain}, {"database or wiki_id", e.Wiki},
	} {
		if err := checkText(x.field, x.s, MaxName); err != nil {
			return err
		}
	}
	return CheckText("meta.request_id", e.RequestID)
}

// job reads the rest of a job event.
func (e *Event) job(delay, rootDT, paramSig, paramTS string, isRoot bool) error {
	if err := CheckName("type", e.Type); err != nil {
		return err
	}
	if err := CheckText("sha1", e.SHA1); err != nil {
		return err
	}
	if delay != "" {
		t, err := Time("delay_until", delay)
		if err != nil {
			return err
		}
		e.Delay = t
	}
	switch {
	case e.Root.Signature != "" && rootDT != "":
		t, err := Time("root_event.dt", rootDT)
		if err != nil {
			return err
		}
		e.Root.Timestamp = t.Format(rootLayout)
	case paramSig != "" && isStamp(paramTS):
		e.Root.Signature, e.Root.Timestamp = paramSig, paramTS
	default:
		e.Root = Root{}
		return nil
	}
	e.Root.IsRoot = isRoot
	return CheckName("root_event.signature", e.Root.Signature)
}

// rootLayout is MediaWiki's TS_MW.
const rootLayout = "20060102150405"

func isStamp(s string) bool {
	_, err := time.Parse(rootLayout, s)
	return err == nil && !strings.ContainsAny(s, "+-")
}
