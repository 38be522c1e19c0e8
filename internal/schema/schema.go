package schema

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"auwai/internal/fault"
)

// Stream is what holds for the events of a stream.
type Stream struct {
	Schema   string // path that all of them have to be valid under; "": none
	Required bool   // their $schema has to be the path of a schema
}

// Problem is a schema that cannot be used.
type Problem struct {
	Stream string // that names it; "": no stream does
	Path   string
	Err    error
}

// Set is the schemas of a folder, and what holds for streams. Safe for concurrent use.
type Set struct {
	schemas  map[string]compiled
	streams  map[string]Stream // their schemas are paths in schemas
	problems []Problem
	files    []string
	slots    chan struct{} // one for each check that may run
}

// compiled is a schema, or why it is none.
type compiled struct {
	path   string
	schema *jsonschema.Schema
	err    error
}

// Open reads and compiles the schemas below a folder. Streams are by name. The error, of kind Invalid
// or TooLarge, is of the folder as a whole; what is wrong with single schemas is in Problems.
func Open(dir string, streams map[string]Stream) (*Set, error) {
	f, err := readFolder(dir)
	if err != nil {
		return nil, err
	}
	s := &Set{
		schemas: make(map[string]compiled, len(f.paths)), streams: make(map[string]Stream, len(streams)),
		slots: make(chan struct{}, runtime.GOMAXPROCS(0)), files: f.files,
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.AssertFormat()
	c.UseLoader(f)
	for _, at := range f.paths {
		s.schemas[at] = compile(c, f, at)
	}
	named := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(streams)) {
		stream := streams[name]
		if stream.Schema != "" {
			at := pathOf(stream.Schema)
			err := errNoFile
			if x, ok := s.schemas[at]; ok {
				err = x.err
				named[at] = true
			}
			if err != nil {
				s.problems = append(s.problems, Problem{Stream: name, Path: stream.Schema, Err: err})
			}
			stream.Schema = at
		}
		s.streams[name] = stream
	}
	for _, at := range f.paths {
		if err := s.schemas[at].err; err != nil && !named[at] {
			s.problems = append(s.problems, Problem{Path: at, Err: err})
		}
	}
	return s, nil
}

func compile(c *jsonschema.Compiler, f *folder, at string) compiled {
	if err := f.broken[at]; err != nil {
		return compiled{path: at, err: err}
	}
	sch, err := c.Compile(base + at)
	if err != nil {
		err = errors.New(whyNot(f, err))
	}
	return compiled{at, sch, err}
}

// whyNot says why a file is no schema. The host that paths are resolved against is no concern of a
// reader.
func whyNot(f *folder, err error) string {
	if meta, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if wrong, ok := errors.AsType[*jsonschema.ValidationError](meta.Err); ok {
			where, _, _ := strings.Cut(strings.TrimPrefix(meta.URL, base), "#")
			return where + " is no schema: " + invalid(where, f.docs[where], wrong).Text()
		}
	}
	return strings.ReplaceAll(err.Error(), base, "")
}

// Problems returns what cannot be used, those of streams first, in the order of their names.
func (s *Set) Problems() []Problem { return s.problems }

// Files returns the files that were read and the folders that they are in. When one of them changes, the
// folder is worth reading again.
func (s *Set) Files() []string { return s.files }

// Len returns how many schemas can be used.
func (s *Set) Len() int {
	n := 0
	for _, x := range s.schemas {
		if x.err == nil {
			n++
		}
	}
	return n
}

// Event is an event as the intake knows it.
type Event struct {
	Raw    []byte // JSON that was checked, an object with an object meta
	Stream string
	Schema string // $schema; "" when absent
	// Received and RequestID are filled in where the event lacks meta.dt and meta.request_id.
	Received  time.Time
	RequestID string
}

// errNoSchema answers an event that names no schema although its stream wants one.
func errNoSchema(e *Event) error {
	if e.Schema == "" {
		return fault.Field("$schema", "is missing; the events of %s have to name a schema", fault.Short(e.Stream))
	}
	return fault.Field("$schema", "%q is no schema that is known here; the events of %s have to name one that is", fault.Short(e.Schema), fault.Short(e.Stream))
}

// Check says what is wrong with an event: nil, an *InvalidError, or another error of kind Invalid,
// TooLarge or Conflict. It waits for a processor; the error is of kind Unavailable when ctx ends before.
func (s *Set) Check(ctx context.Context, e Event) error {
	var list [2]compiled
	todo := list[:0]
	stream := s.streams[e.Stream]
	if stream.Schema != "" {
		todo = append(todo, s.schemas[stream.Schema])
	}
	at := pathOf(e.Schema)
	own, found := s.schemas[at]
	if found && at != stream.Schema {
		todo = append(todo, own)
	}
	if stream.Required && !found {
		return errNoSchema(&e)
	}
	if len(todo) == 0 {
		return nil
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, ctx.Err(), "wait for the check of a schema")
	}
	if err := bounded(e.Raw); err != nil {
		return err
	}
	for _, x := range todo {
		if err := x.check(&e); err != nil {
			return err
		}
	}
	return nil
}

func (x compiled) check(e *Event) error {
	if x.schema == nil {
		return fault.Newf(fault.Conflict, "the schema %s cannot be used: %v", x.path, x.err)
	}
	// Decoded for each schema: their defaults differ.
	event, err := prepare(e)
	if err != nil {
		return err
	}
	f := filler{left: maxFills}
	f.fill(x.schema, event, 0)
	err = x.schema.Validate(event)
	if err == nil {
		return nil
	}
	if wrong, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		return invalid(x.path, event, wrong)
	}
	return fault.Wrap(fault.Internal, err, "check the schema "+x.path)
}
