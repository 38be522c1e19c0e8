package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"auwai/internal/fault"
)

// The defaults of a node.
const (
	DefaultListen      = "127.0.0.1:8192"
	DefaultData        = "auwai-data"
	DefaultConcurrency = 64
)

// Bounds of a file.
const (
	maxFileBytes   = 16 << 20 // some 50,000 wikis
	maxSecretBytes = 64 << 10
	maxConcurrency = 100_000
	maxName        = 255 // bytes of the name of a wiki or queue
	day            = 24 * time.Hour
)

// Config is the active configuration of a node. It is not changed after it was made.
type Config struct {
	// File is where it was read from, "" for the defaults.
	File string
	// Files are all files that it was read from: File, and those of secrets. Absolute.
	Files []string
	// Shared is the text of the file without what belongs to one node, for all nodes of a farm.
	Shared []byte
	// Listen is the address of the HTTP interface; see CheckListen.
	Listen string
	// Data is the folder of the embedded store, absolute.
	Data string
	// Concurrency is the number of attempts of this node.
	Concurrency int
	// Wikis by their database names.
	Wikis map[string]*Wiki
	// Queues that are named, with what they leave out filled in. See Queue.
	Queues map[string]Queue
	// DefaultQueue is what holds for queues that are not named.
	DefaultQueue Queue
	// Tags has the limits of tags, by name=value.
	Tags map[string]Limit
	CDN  CDN
	// Workers are the PHP processes of this host.
	Workers Workers
	Access  Access
	// Schemas are what events are checked against.
	Schemas Schemas
	// RCFeedListen is the address of the UDP packets by which stock wikis tell of edits; "": none.
	RCFeedListen string

	domains map[string]string // the wiki of a domain
}

// Default returns the configuration without a file: no wikis, so that what comes is kept and held.
func Default() *Config {
	data, err := filepath.Abs(DefaultData)
	if err != nil { // the working directory is gone: say it where the folder is made
		data = DefaultData
	}
	return defaults(data)
}

func defaults(data string) *Config {
	return &Config{
		Listen: DefaultListen, Data: data, Concurrency: DefaultConcurrency,
		Wikis: map[string]*Wiki{}, Queues: map[string]Queue{}, DefaultQueue: defaultQueue(), Tags: map[string]Limit{},
		domains: map[string]string{}, Access: open(),
	}
}

// Load reads and checks a file, and the files of secrets that it names. The error is a *FaultsError
// when something in it is wrong.
func Load(path string) (*Config, error) {
	text, err := readFile(path, maxFileBytes)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "read the configuration")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find the folder of %s: %w", path, err)
	}
	r := &reader{file: path, dir: filepath.Dir(absolute)}
	c := r.parse(text)
	if len(r.faults) > 0 {
		sortFaults(r.faults)
		return nil, &FaultsError{Faults: r.faults}
	}
	c.File = absolute
	c.Files = append([]string{absolute}, r.read...)
	return c, nil
}

// readFile reads a file of a bounded size. Its error names the file.
func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(text)) > most:
		return nil, fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return text, nil
}

// parse reads the document. Its result is of use only when no fault was found.
func (r *reader) parse(text []byte) *Config {
	c := defaults(filepath.Join(r.dir, DefaultData))
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return c // an empty file
	case err != nil:
		r.syntax(err, text)
		return c
	}
	switch err := d.Decode(&more); {
	case err == nil:
		r.fault(&more, "", "a second document begins here; one file is one document")
	case !errors.Is(err, io.EOF):
		r.syntax(err, text)
		return c
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return c
	}
	var queues, listen, rcfeed, cdn *yaml.Node
	who := r.accessReader(c)
	fields := who.fields()
	maps.Copy(fields, map[string]field{
		"listen":        func(n *yaml.Node, _ string) { listen = n },
		"rcfeed_listen": func(n *yaml.Node, _ string) { rcfeed = n },
		"data":          func(n *yaml.Node, path string) { r.data(c, n, path) },
		"concurrency":   func(n *yaml.Node, path string) { set(&c.Concurrency)(r.number(n, path, maxConcurrency)) },
		"wikis":         func(n *yaml.Node, path string) { r.wikis(c, n, path) },
		"queues":        func(n *yaml.Node, _ string) { queues = n },
		"tags":          func(n *yaml.Node, path string) { r.tags(c, n, path) },
		"cdn":           func(n *yaml.Node, _ string) { cdn = n },
		"schemas":       func(n *yaml.Node, path string) { r.schemas(c, n, path) },
		"workers":       func(n *yaml.Node, path string) { r.workers(c, n, path) },
	})
	r.object(doc.Content[0], "", fields)
	who.finish()
	if listen != nil {
		r.listen(c, listen, "listen")
	}
	if rcfeed != nil {
		r.rcFeedListen(c, rcfeed, "rcfeed_listen")
	}
	if queues != nil {
		r.queues(c, queues, "queues")
	}
	if cdn != nil {
		r.cdn(c, cdn, "cdn")
	}
	c.Shared = shared(doc.Content[0])
	return c
}

// shared returns the document's text without the keys that belong to one node.
func shared(n *yaml.Node) []byte {
	all := *n
	all.Content = nil
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i].Value; key != "listen" && key != "data" && key != "rcfeed_listen" {
			all.Content = append(all.Content, n.Content[i], n.Content[i+1])
		}
	}
	text, err := yaml.Marshal(&all)
	if err != nil { // an anchor stood in what was left out: the text as a whole then
		text, _ = yaml.Marshal(n) // of what was decoded a moment ago
	}
	return text
}

// set returns a function that stores a value that was read.
func set[T any](dst *T) func(T, bool) {
	return func(v T, ok bool) {
		if ok {
			*dst = v
		}
	}
}

func (r *reader) syntax(err error, file []byte) {
	pattern := regexp.MustCompile(`^yaml: (?:unmarshal errors:\s*)?(?:line (\d+): )?(.*)$`)
	m := pattern.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
	line, text := 1, err.Error() // the parser leaves the first line's number out
	if m != nil {
		text = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
	}
	if lines := bytes.Split(file, []byte("\n")); line <= len(lines) && bytes.HasPrefix(bytes.TrimLeft(lines[line-1], " "), []byte("\t")) {
		text = "the line begins with a tab; indent with spaces"
	}
	r.faults = append(r.faults, Fault{File: r.file, Line: line, Text: "is not YAML: " + text})
}

func (r *reader) listen(c *Config, n *yaml.Node, path string) {
	s, ok := r.text(n, path)
	if !ok {
		return
	}
	if err := c.CheckListen(s); err != nil {
		r.fault(n, path, "%s", strings.TrimPrefix(err.Error(), "listen: "))
		return
	}
	c.Listen = s
}

func (r *reader) data(c *Config, n *yaml.Node, path string) {
	if s, ok := r.text(n, path); ok {
		c.Data = r.path(s)
	}
}

// path makes a path of the file absolute.
func (r *reader) path(s string) string {
	if filepath.IsAbs(s) {
		return filepath.Clean(s)
	}
	return filepath.Join(r.dir, s)
}
