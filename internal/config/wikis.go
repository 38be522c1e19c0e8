package config

import (
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"auwai/internal/event"
	"auwai/internal/fault"
)

// The kinds of runners that a wiki may have.
const (
	RunnerAuwai          = "auwai"           // the Auwai extension's endpoint, many jobs a request
	RunnerEventBus       = "eventbus"        // the EventBus extension's own endpoint, one signed event a request
	RunnerEventBusRPC    = "eventbus-rpc"    // rpc/RunSingleJob.php in front of EventBus, one event a request, no signature
	RunnerSpecialRunJobs = "special-runjobs" // the wiki's own table, by its Special:RunJobs; no extension
	RunnerWorker         = "worker"          // the Auwai extension in PHP processes of this host that stay alive
)

// Wiki is a wiki of the farm.
type Wiki struct {
	// Name is its database name, as in job events.
	Name string
	// URL is where requests go, without a path: scheme, host and port, perhaps user and password.
	URL string
	// ScriptPath is the path of MediaWiki's entry points, such as /w; empty for the root.
	ScriptPath string
	// Host is the Host header of requests.
	Host string
	// Domains are all values of meta.domain that are this wiki's, in lower case, the host first.
	Domains []string
	// Runner is one of the kinds.
	Runner string
	// Secret is the text of SecretFile without space around it; nil when there is none.
	Secret     []byte
	SecretFile string // absolute; "" for none
	// Poll is how often the wiki is asked for jobs of its own table; 0 but for special-runjobs.
	Poll time.Duration
	// RPCPath is the path of the runner script, for eventbus-rpc; "" for its usual place.
	RPCPath string
	// Path is the folder of MediaWiki on this host, absolute, and WorkerArgs are what a worker's script
	// gets, such as --wiki=enwiki; for worker.
	Path       string
	WorkerArgs []string
	// Limit bounds the attempts on this wiki.
	Limit
	Groups []string
	Tags   map[string]string
}

// HasDomain reports whether a meta.domain is this wiki's.
func (w *Wiki) HasDomain(domain string) bool {
	return slices.Contains(w.Domains, hostOnly(domain))
}

// WikiOfDomain returns the name of the wiki that has the domain.
func (c *Config) WikiOfDomain(domain string) (name string, ok bool) {
	name, ok = c.domains[hostOnly(domain)]
	return name, ok
}

// name checks the key that names a wiki or queue.
func (r *reader) name(key *yaml.Node, path, what string) bool {
	s := key.Value
	switch {
	case s == "":
		r.fault(key, path, "the name of a %s is empty", what)
	case len(s) > maxName:
		r.fault(key, path, "the name of a %s has %d bytes; at most %d are allowed", what, len(s), maxName)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		r.fault(key, path, "the name of a %s has control characters; remove them", what)
	case turns(s):
		r.fault(key, path, "the name of a %s has characters that turn the direction of what is read; remove them", what)
	case what == "wiki" && strings.HasPrefix(s, "*"):
		r.fault(key, path, "names that begin with * are Auwai's own; use the wiki's database name")
	case key.Tag == "!!null" || key.Tag == "!!bool":
		r.fault(key, path, "is a word that YAML takes for another type; write the name in quotes")
	default:
		return true
	}
	return false
}

// turns reports whether a name has a character that changes the direction of what is read.
func turns(s string) bool {
	_, yes := event.Turns(s)
	return yes
}

func (r *reader) wikis(c *Config, n *yaml.Node, path string) {
	lines := map[string]*yaml.Node{}
	r.each(n, path, func(key, value *yaml.Node, at string) {
		if !r.name(key, at, "wiki") {
			return
		}
		w := &Wiki{Name: key.Value, ScriptPath: "/w", Runner: RunnerAuwai}
		r.wiki(w, key, value, at)
		c.Wikis[w.Name] = w
		lines[w.Name] = key
		r.claimDomains(c, w, key, at, lines)
	})
}

// claimDomains gives the wiki its domains. Two wikis with one domain could not be told apart.
func (r *reader) claimDomains(c *Config, w *Wiki, key *yaml.Node, path string, lines map[string]*yaml.Node) {
	for _, domain := range w.Domains {
		if other, taken := c.domains[domain]; taken {
			r.fault(key, path, "has the domain %s, which is that of %s in line %d; a domain is of one wiki: give this one another host", domain, other, lines[other].Line)
			continue
		}
		c.domains[domain] = w.Name
	}
}

func (r *reader) wiki(w *Wiki, key, n *yaml.Node, path string) {
	hasURL := false
	var domains []string
	fields := map[string]field{
		"url":         func(n *yaml.Node, at string) { hasURL = true; r.url(w, n, at) },
		"script_path": func(n *yaml.Node, at string) { r.scriptPath(w, n, at) },
		"host": func(n *yaml.Node, at string) {
			if s, ok := r.host(n, at); ok {
				w.Host = s
			}
		},
		"domains": func(n *yaml.Node, at string) {
			r.list(n, at, "domains", func(n *yaml.Node, at string) {
				if s, ok := r.host(n, at); ok {
					domains = append(domains, hostOnly(s))
				}
			})
		},
		"runner":      func(n *yaml.Node, at string) { r.runner(w, n, at) },
		"secret_file": func(n *yaml.Node, at string) { r.secret(w, n, at) },
		"concurrency": func(n *yaml.Node, at string) { set(&w.Concurrency)(r.number(n, at, maxConcurrency)) },
		"rate":        func(n *yaml.Node, at string) { set(&w.Rate)(r.rate(n, at)) },
		"burst":       func(n *yaml.Node, at string) { set(&w.Burst)(r.burst(n, at)) },
		"groups": func(n *yaml.Node, at string) {
			r.list(n, at, "names", func(n *yaml.Node, at string) {
				if s, ok := r.text(n, at); ok {
					w.Groups = append(w.Groups, s)
				}
			})
		},
		"tags": func(n *yaml.Node, at string) { r.wikiTags(w, n, at) },
	}
	check, checkWorker := r.stockFields(w, fields), r.workerFields(w, fields)
	r.object(n, path, fields)
	check()
	checkWorker(key, path)
	if !hasURL && w.Runner != RunnerWorker {
		r.fault(key, path, "has no url; write where requests to the wiki go, such as http://127.0.0.1:8080")
	}
	if why := secretFault(w.Runner); why != "" && w.SecretFile == "" {
		r.fault(key, path, "%s", why)
	}
	if w.Host != "" {
		w.Domains = append(w.Domains, hostOnly(w.Host))
	}
	for _, d := range domains {
		if !slices.Contains(w.Domains, d) {
			w.Domains = append(w.Domains, d)
		}
	}
}

// url reads where requests go. Its host is the wiki's, until host says another.
func (r *reader) url(w *Wiki, n *yaml.Node, path string) {
	s, ok := r.text(n, path)
	if !ok {
		return
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		r.fault(n, path, "is %q; a URL with http:// or https:// and a host is expected", fault.Short(s))
	case !isHost(u.Host):
		r.fault(n, path, "is %q, whose host %q is neither a name nor an address", fault.Short(s), fault.Short(u.Host))
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		r.fault(n, path, "is %q; write it without ? and #", fault.Short(s))
	case u.Path != "" && u.Path != "/":
		r.fault(n, path, "is %q; the path %s belongs into script_path", fault.Short(s), u.Path)
	default:
		u.Path = ""
		w.URL = u.String()
		if w.Host == "" {
			w.Host = u.Host
		}
	}
}

// scriptPath reads a path; "" and / are the root.
func (r *reader) scriptPath(w *Wiki, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && n.Value == "" {
		w.ScriptPath = ""
		return
	}
	s, ok := r.text(n, path)
	if !ok {
		return
	}
	if !strings.HasPrefix(s, "/") || strings.ContainsAny(s, "?# ") {
		r.fault(n, path, "is %q; a path such as /w is expected, or / for the root", fault.Short(s))
		return
	}
	w.ScriptPath = strings.TrimRight(s, "/")
}

func (r *reader) host(n *yaml.Node, path string) (string, bool) {
	s, ok := r.text(n, path)
	if ok && !isHost(s) {
		r.fault(n, path, "is %q; a host name such as aa.example.org is expected, without a scheme and a path", fault.Short(s))
		return "", false
	}
	return s, ok
}

func (r *reader) runner(w *Wiki, n *yaml.Node, path string) {
	w.Runner = "" // not known: nothing more is asked of it when this one is wrong
	s, ok := r.text(n, path)
	switch {
	case !ok:
	case slices.Contains(runners(), s):
		w.Runner = s
	default:
		r.fault(n, path, "is %q; %s is expected", fault.Short(s), oneOf(runners()))
	}
}

func (r *reader) wikiTags(w *Wiki, n *yaml.Node, path string) {
	w.Tags = map[string]string{}
	r.each(n, path, func(key, value *yaml.Node, at string) {
		if !r.name(key, at, "tag") {
			return
		}
		if s, ok := r.text(value, at); ok {
			w.Tags[key.Value] = s
		}
	})
}

// secret reads the file of a secret.
func (r *reader) secret(w *Wiki, n *yaml.Node, path string) {
	s, ok := r.text(n, path)
	if !ok {
		return
	}
	w.SecretFile = r.path(s)
	r.read = append(r.read, w.SecretFile)
	text, err := readFile(w.SecretFile, maxSecretBytes)
	if err != nil {
		r.fault(n, path, "%v", err)
		return
	}
	secret := strings.TrimSpace(string(text))
	switch {
	case secret == "":
		r.fault(n, path, "%s is empty; write the secret into it", w.SecretFile)
	case strings.ContainsFunc(secret, unicode.IsControl):
		r.fault(n, path, "%s has more than one line; the secret alone is expected", w.SecretFile)
	default:
		w.Secret = []byte(secret)
	}
}

// secretsForAll returns the files of secrets that every user of the machine may read.
func (c *Config) secretsForAll() []string {
	var out []string
	for _, w := range c.Wikis {
		if w.SecretFile == "" {
			continue
		}
		if info, err := os.Stat(w.SecretFile); err == nil && info.Mode().Perm()&0o004 != 0 {
			out = append(out, w.SecretFile)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
