package config

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"auwai/internal/schema"
)

// Schemas is what events are checked against.
type Schemas struct {
	Folder string // absolute; "" for none
	// Set is the schemas of the folder, read with the file; nil: nothing is checked.
	Set *schema.Set
}

const (
	maxStreams = 10_000
	// maxSchemaFiles is how many files are watched for changes; those of a larger folder are read again
	// when the configuration is.
	maxSchemaFiles = 2_000
	// maxSchemaWarnings is how many unusable schemas are named.
	maxSchemaWarnings = 10
)

func (r *reader) schemas(c *Config, n *yaml.Node, path string) {
	var folder *yaml.Node
	streams, at := map[string]schema.Stream{}, map[string]*yaml.Node{}
	before := len(r.faults)
	r.object(n, path, map[string]field{
		"folder": func(n *yaml.Node, path string) {
			if s, ok := r.text(n, path); ok {
				folder, c.Schemas.Folder = n, r.path(s)
			}
		},
		"streams": func(n *yaml.Node, path string) {
			r.each(n, path, func(key, value *yaml.Node, path string) {
				if r.name(key, path, "stream") {
					streams[key.Value], at[key.Value] = r.stream(value, path), value
				}
			})
		},
	})
	switch {
	case len(streams) > maxStreams:
		r.fault(n, under(path, "streams"), "%d streams; at most %d are allowed", len(streams), maxStreams)
	case folder == nil && len(streams) > 0:
		r.fault(n, path, "names streams and no folder; say in folder where the schemas are")
	}
	if folder == nil || len(r.faults) > before {
		return
	}
	set, err := schema.Open(c.Schemas.Folder, streams)
	if err != nil {
		r.fault(folder, under(path, "folder"), "%s", err.Error())
		return
	}
	for _, p := range set.Problems() {
		if p.Stream != "" {
			r.fault(at[p.Stream], under(under(path, "streams"), p.Stream), "the schema %s cannot be used: %v", p.Path, p.Err)
		}
	}
	if files := set.Files(); len(files) <= maxSchemaFiles {
		r.read = append(r.read, files...)
	}
	c.Schemas.Set = set
}

func (r *reader) stream(n *yaml.Node, path string) (s schema.Stream) {
	r.object(n, path, map[string]field{
		"schema":   func(n *yaml.Node, at string) { set(&s.Schema)(r.text(n, at)) },
		"required": func(n *yaml.Node, at string) { set(&s.Required)(r.flag(n, at)) },
	})
	return s
}

// warnings names schemas that no event can be valid under.
func (s *Schemas) warnings() (out []string) {
	if s.Set == nil {
		return nil
	}
	problems := s.Set.Problems()
	if s.Set.Len() == 0 && len(problems) == 0 {
		return []string{"the folder of schemas " + s.Folder + " has none: no file ends in .json, .yaml or .yml"}
	}
	for i, p := range problems {
		if i == maxSchemaWarnings {
			return append(out, fmt.Sprintf("%d more schemas cannot be used", len(problems)-i))
		}
		out = append(out, fmt.Sprintf("the schema %s cannot be used, and events that name it are not taken: %v", p.Path, p.Err))
	}
	return out
}
