package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/config"
)

func TestAQueueMayHaveARunnerOfItsOwn(t *testing.T) {
	c := load(t, `
queues:
  encode: {runner: remote, needs: {cores: 2.5, memory: 3GiB}}
  thumbs: {runner: command, command: [bin/thumb, --size, ""]}
  plain: {runner: command, command: [/usr/bin/env]}
`, nil)
	dir := filepath.Dir(c.File)
	if q := c.Queue("encode"); q.Runner != config.RunnerRemote || q.Needs != (config.Needs{Cores: 2.5, Memory: 3 << 30}) {
		t.Errorf("encode is %+v", q)
	}
	if diff := cmp.Diff([]string{filepath.Join(dir, "bin/thumb"), "--size", ""}, c.Queue("thumbs").Command); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"/usr/bin/env"}, c.Queue("plain").Command); diff != "" {
		t.Error(diff)
	}
	if q := c.Queue("other"); q.Runner != "" || q.Command != nil {
		t.Errorf("a queue that is not named has %+v", q)
	}
}

func TestACommandOfTheDefaultIsInherited(t *testing.T) {
	c := load(t, `
queues:
  default: {runner: command, command: [/bin/true]}
  a: {attempts: 1}
  b: {runner: remote}
`, nil)
	if q := c.Queue("a"); q.Runner != config.RunnerCommand || len(q.Command) != 1 {
		t.Errorf("a is %+v", q)
	}
	if q := c.Queue("b"); q.Runner != config.RunnerRemote || q.Command != nil {
		t.Errorf("b is %+v", q)
	}
}

func TestCommandsSeeNoSecretsOfTheEnvironment(t *testing.T) {
	t.Setenv("AUWAI_TOKEN", "secret")
	t.Setenv("TZ", "UTC")
	all := strings.Join(config.CommandEnvironment(), "\n")
	if strings.Contains(all, "secret") || !strings.Contains(all, "TZ=UTC") {
		t.Errorf("commands get %s", all)
	}
}
