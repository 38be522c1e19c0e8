package config_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/config"
)

func TestWorkersAndTheirWikisAreRead(t *testing.T) {
	c := load(t, `
workers: {php: /usr/bin/php8.2, script: worker.php, processes: 6, max_jobs: 500, max_age: 30m, max_memory: 1GiB, idle: 90s, cgroup: "off"}
wikis:
  aawiki: {runner: worker, path: mediawiki, worker_args: [--wiki=aawiki, ""], domains: [aa.example.org]}
  bbwiki: {runner: worker, path: /srv/mediawiki, url: "http://127.0.0.1:8080", host: bb.example.org, secret_file: key}
`, map[string]string{"key": "the key\n"})
	want := config.Workers{
		PHP: "/usr/bin/php8.2", Script: "worker.php", Processes: 6, MaxJobs: 500, MaxAge: 30 * time.Minute,
		MaxMemory: 1 << 30, Idle: 90 * time.Second, Cgroup: "off",
	}
	if diff := cmp.Diff(want, c.Workers); diff != "" {
		t.Error(diff)
	}
	aa, bb := c.Wikis["aawiki"], c.Wikis["bbwiki"]
	if aa.Path != filepath.Join(filepath.Dir(c.File), "mediawiki") || !slices.Equal(aa.WorkerArgs, []string{"--wiki=aawiki", ""}) || !aa.HasDomain("aa.example.org") {
		t.Errorf("%+v", aa)
	}
	if aa.HasEndpoint() || !bb.HasEndpoint() {
		t.Error("only a wiki with a url and a secret can be asked")
	}
}

func TestWorkersGetMediaWikisEnvironmentAndNoSecrets(t *testing.T) {
	t.Setenv("MW_CONFIG_FILE", "/srv/LocalSettings.php")
	t.Setenv("PHP_INI_SCAN_DIR", "/etc/php")
	t.Setenv("AUWAI_TOKEN", "secret")
	env := config.WorkerEnvironment()
	if !slices.Contains(env, "MW_CONFIG_FILE=/srv/LocalSettings.php") || !slices.Contains(env, "PHP_INI_SCAN_DIR=/etc/php") {
		t.Errorf("%q", env)
	}
	if slices.Contains(env, "AUWAI_TOKEN=secret") {
		t.Error("a worker sees the service's token")
	}
}
