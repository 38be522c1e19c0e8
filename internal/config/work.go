package config

import (
	"os"
	"strings"

	"go.yaml.in/yaml/v3"

	"auwai/internal/fault"
)

// The kinds of runners that a queue may have instead of its wiki's.
const (
	RunnerRemote  = "remote"  // workers on other hosts claim its jobs
	RunnerCommand = "command" // a command of this host
)

// Bounds of commands.
const (
	maxArgument = 128 << 10 // bytes of one; Linux' own bound (MAX_ARG_STRLEN)
	maxCommand  = 1_000     // arguments
)

// work adds the fields that say what carries out the jobs of a queue, where it is not the wiki's
// runner. The function that it returns checks them after all were read.
func (r *reader) work(q *Queue, fields map[string]field) (check func(n *yaml.Node, path string)) {
	before, inherited := len(r.faults), q.Command
	q.Command = nil
	fields["runner"] = func(n *yaml.Node, at string) {
		set(&q.Runner)(r.word(n, at, RunnerRemote, RunnerCommand))
	}
	fields["command"] = func(n *yaml.Node, at string) { r.command(q, n, at) }
	return func(n *yaml.Node, path string) {
		if q.Runner == RunnerCommand && q.Command == nil {
			q.Command = inherited
		}
		switch {
		case len(r.faults) > before: // a command with a fault is not a missing one
		case q.Runner == RunnerCommand && len(q.Command) == 0:
			r.fault(n, path, "has the runner command and no command; write one as command: [/usr/local/bin/program, argument]")
		case q.Runner != RunnerCommand && len(q.Command) > 0:
			r.fault(n, path, "has a command and not the runner command, so that it would not be used; add runner: command, or leave the command out")
		}
	}
}

func (r *reader) command(q *Queue, n *yaml.Node, path string) {
	argv := make([]string, 0, len(n.Content))
	r.list(n, path, "the program and its arguments", func(n *yaml.Node, at string) {
		s, ok := r.argument(n, at)
		switch {
		case !ok || len(argv) > 0:
		case !strings.Contains(s, "/"):
			r.fault(n, at, "is %q; write the program with its path, such as /usr/bin/%s", fault.Short(s), fault.Short(s))
		default:
			s = r.path(s)
		}
		argv = append(argv, s)
	})
	if len(argv) > maxCommand {
		r.fault(n, path, "has %d arguments; at most %d are allowed", len(argv), maxCommand)
	}
	q.Command = argv
}

// argument reads text as a program gets it; unlike other text it may be empty.
func (r *reader) argument(n *yaml.Node, path string) (string, bool) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && n.Value == "" {
		return "", true
	}
	s, ok := r.text(n, path)
	if ok && len(s) > maxArgument {
		r.fault(n, path, "has %d bytes; at most %d are allowed", len(s), maxArgument)
		return "", false
	}
	return s, ok
}

// CommandEnvironment returns what commands get of this process's environment. The rest is kept from
// them: it may hold secrets.
func CommandEnvironment() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}
