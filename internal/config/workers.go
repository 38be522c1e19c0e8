package config

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Workers is the pool of PHP processes of this host, for wikis with the runner worker. Zero values
// mean what the pool has as its defaults.
type Workers struct {
	PHP       string // the program, with its path, or found by PATH
	Script    string // the extension's worker script; relative: below the wiki's path
	Processes int
	MaxJobs   int // of a process
	MaxAge    time.Duration
	MaxMemory int64 // bytes
	Idle      time.Duration
	Cgroup    string // auto, off or a folder
}

// leastMemory is what MediaWiki needs to run anything.
const leastMemory = 64 << 20

func (r *reader) workers(c *Config, n *yaml.Node, path string) {
	w := &c.Workers
	r.object(n, path, map[string]field{
		"php": func(n *yaml.Node, at string) {
			if s, ok := r.text(n, at); ok {
				if w.PHP = s; strings.Contains(s, "/") {
					w.PHP = r.path(s)
				}
			}
		},
		"script":    func(n *yaml.Node, at string) { set(&w.Script)(r.text(n, at)) },
		"processes": func(n *yaml.Node, at string) { set(&w.Processes)(r.number(n, at, 10_000)) },
		"max_jobs":  func(n *yaml.Node, at string) { set(&w.MaxJobs)(r.number(n, at, 10_000_000)) },
		"max_age":   func(n *yaml.Node, at string) { set(&w.MaxAge)(r.duration(n, at, time.Second, 7*day)) },
		"idle":      func(n *yaml.Node, at string) { set(&w.Idle)(r.duration(n, at, time.Second, 7*day)) },
		"max_memory": func(n *yaml.Node, at string) {
			size, ok := r.bytes(n, at)
			if ok && size < leastMemory {
				r.fault(n, at, "is %s; MediaWiki needs at least 64MiB", describe(n))
				return
			}
			set(&w.MaxMemory)(size, ok)
		},
		"cgroup": func(n *yaml.Node, at string) {
			s, ok := r.text(n, at)
			if ok && s != "auto" && s != "off" && !filepath.IsAbs(s) {
				r.fault(n, at, "is %s; auto, off or the path of a cgroup folder is expected", describe(n))
				return
			}
			set(&w.Cgroup)(s, ok)
		},
	})
}

// workerFields reads the keys of a wiki that only the runner worker has. They are checked against the
// runner when the whole wiki is read.
func (r *reader) workerFields(w *Wiki, fields map[string]field) (check func(key *yaml.Node, path string)) {
	var of *yaml.Node
	var ofAt string
	fields["path"] = func(n *yaml.Node, at string) {
		of, ofAt = n, at
		if s, ok := r.text(n, at); ok {
			w.Path = r.path(s)
		}
	}
	fields["worker_args"] = func(n *yaml.Node, at string) {
		of, ofAt = n, at
		r.list(n, at, "arguments", func(n *yaml.Node, at string) {
			if s, ok := r.argument(n, at); ok {
				w.WorkerArgs = append(w.WorkerArgs, s)
			}
		})
	}
	return func(key *yaml.Node, path string) {
		switch {
		case w.Runner == RunnerWorker && w.Path == "":
			r.fault(key, path, "has no path, which the runner worker starts PHP in; write the folder of its MediaWiki, such as /srv/mediawiki")
		case w.Runner != RunnerWorker && w.Runner != "" && of != nil:
			r.fault(of, ofAt, "is for the runner worker, and this wiki has %s; remove it", w.Runner)
		}
	}
}

// HasEndpoint reports whether the wiki can be asked by the run endpoint of the Auwai extension.
func (w *Wiki) HasEndpoint() bool {
	return w.Runner == RunnerAuwai || w.Runner == RunnerWorker && w.URL != "" && w.Secret != nil
}

// WorkerEnvironment returns what PHP workers get of this process's environment: what commands get, and
// what is MediaWiki's and PHP's.
func WorkerEnvironment() []string {
	env := CommandEnvironment()
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "MW_") || strings.HasPrefix(v, "PHP") {
			env = append(env, v)
		}
	}
	return env
}
