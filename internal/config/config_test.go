package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"auwai/internal/config"
	"auwai/internal/fault"
	"auwai/internal/jobqueue"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// write puts a configuration, and files beside it, into a folder and returns its path.
func write(t *testing.T, text string, beside map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range beside {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "auwai.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func load(t *testing.T, text string, beside map[string]string) *config.Config {
	t.Helper()
	c, err := config.Load(write(t, text, beside))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAllFaultsOfAFileAreToldAtOnceWithTheirLines(t *testing.T) {
	files, err := filepath.Glob("testdata/faults/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := config.Load(file)
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("Load = %v, want faults", err)
			}
			if _, ok := errors.AsType[*config.FaultsError](err); !ok {
				t.Fatalf("Load = %T, want *FaultsError", err)
			}
			got := strings.ReplaceAll(err.Error()+"\n", here, "HERE")
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *rewrite {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("faults (-want +got), -rewrite accepts them:\n%s", diff)
			}
		})
	}
}

// withSecrets loads an example, with the files of secrets that it names beside it.
func withSecrets(t *testing.T, text string) (*config.Config, error) {
	t.Helper()
	beside := map[string]string{}
	text = regexp.MustCompile(`secret_file: (\S+)`).ReplaceAllStringFunc(text, func(s string) string {
		name := strings.TrimPrefix(strings.TrimPrefix(s, "secret_file: "), "/")
		beside[name] = "a secret\n"
		return "secret_file: " + name
	})
	return config.Load(write(t, text, beside))
}

func TestTheExamplesAreRight(t *testing.T) {
	files, err := filepath.Glob("../../deploy/examples/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d examples: %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := withSecrets(t, string(text)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestTheConfigurationOfTheGuideIsRight(t *testing.T) {
	text, err := os.ReadFile("../../docs/guide/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 {
		t.Fatal("the guide has no configuration")
	}
	for _, b := range blocks {
		if _, err := withSecrets(t, b[1]); err != nil {
			t.Errorf("%v\n%s", err, b[1])
		}
	}
}

// queue returns the defaults with a change.
func queue(change func(*config.Queue)) config.Queue {
	q := config.Queue{
		Concurrency: 30, PerWiki: 10, Weight: 1, Priority: jobqueue.Normal,
		Attempts: 3, RetryDelay: time.Minute, RetryFactor: 6, RetryJitter: 0.1, Timeout: 7 * time.Minute,
		Semantics: config.Semantics{
			Dedup: config.DedupKeep, Debounce: 5 * time.Second, Window: time.Hour, RootClaimTTL: 28 * 24 * time.Hour, LoopLimit: 16,
		},
	}
	change(&q)
	return q
}

func TestAWholeFileIsRead(t *testing.T) {
	c := load(t, `
listen: localhost:9000
data: store
concurrency: 5
wikis:
  aawiki:
    url: http://127.0.0.1:8080/
    host: AA.example.org:8080
    domains: [a.example.org, aa.EXAMPLE.org]
    secret_file: secrets/aa
    concurrency: 20
    groups: [small, s1]
    tags: {db: s1}
  bbwiki:
    url: https://user:word@[::1]:8443
    script_path: /
    runner: eventbus
queues:
  refreshLinks: {concurrency: 8, priority: bulk, retry_delay: 0s}
  default: {per_wiki: 3, timeout: 90s}
cdn:
  layers: [["127.0.0.1:6081", "cache:80"], ["[::1]:80"]]
  rebound: 11s
`, map[string]string{"secrets/aa": "  the secret\n"})
	dir := filepath.Dir(c.File)
	want := &config.Config{
		File: c.File, Listen: "localhost:9000", Data: filepath.Join(dir, "store"), Concurrency: 5,
		Wikis: map[string]*config.Wiki{
			"aawiki": {
				Name: "aawiki", URL: "http://127.0.0.1:8080", ScriptPath: "/w", Host: "AA.example.org:8080",
				Domains: []string{"aa.example.org", "a.example.org"}, Runner: config.RunnerAuwai, Secret: []byte("the secret"),
				SecretFile: filepath.Join(dir, "secrets/aa"), Limit: config.Limit{Concurrency: 20}, Groups: []string{"small", "s1"}, Tags: map[string]string{"db": "s1"},
			},
			"bbwiki": {
				Name: "bbwiki", URL: "https://user:word@[::1]:8443", Host: "[::1]:8443", Domains: []string{"::1"}, Runner: config.RunnerEventBus,
			},
		},
		DefaultQueue: queue(func(q *config.Queue) { q.PerWiki, q.Timeout = 3, 90*time.Second }),
		Queues: map[string]config.Queue{"refreshLinks": queue(func(q *config.Queue) {
			q.Concurrency, q.PerWiki, q.RetryDelay, q.Timeout, q.Priority = 8, 3, 0, 90*time.Second, jobqueue.Bulk
		})},
		Tags: map[string]config.Limit{},
		CDN:  config.CDN{Layers: [][]string{{"127.0.0.1:6081", "cache:80"}, {"[::1]:80"}}, Rebound: 11 * time.Second},
	}
	want.Files = []string{c.File, filepath.Join(dir, "secrets/aa")}
	want.Shared = c.Shared
	if strings.Contains(string(c.Shared), "listen") || strings.Contains(string(c.Shared), "data") || !strings.Contains(string(c.Shared), "aa.EXAMPLE.org") {
		t.Errorf("what the nodes of a farm share is\n%s", c.Shared)
	}
	if diff := cmp.Diff(want, c, cmpopts.IgnoreUnexported(config.Config{}), cmpopts.IgnoreFields(config.Access{}, "Policy")); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(c.DefaultQueue, c.Queue("other")); diff != "" {
		t.Errorf("a queue that is not named (-want +got):\n%s", diff)
	}
	q := c.Queue("refreshLinks")
	if p := q.Retry(); p.Attempts != 3 || p.RetryFactor != 6 {
		t.Errorf("the policy is %+v", p)
	}
	for domain, want := range map[string]string{"aa.example.org": "aawiki", "A.example.org:80": "aawiki", "::1": "bbwiki", "x": ""} {
		if got, ok := c.WikiOfDomain(domain); got != want || ok != (want != "") {
			t.Errorf("WikiOfDomain(%q) = %q, %v", domain, got, ok)
		}
	}
	if w := c.Wikis["aawiki"]; !w.HasDomain("AA.example.org") || w.HasDomain("b.example.org") {
		t.Errorf("domains %v", w.Domains)
	}
	s := c.Summary()
	if s.Wikis != 2 || s.Domains != 3 || s.Servers != 3 || s.Layers != 2 || s.Rebound != "11s" || len(s.Warnings) != 0 {
		t.Errorf("the summary is %+v", s)
	}
}

func TestAnEmptyFileIsTheDefaults(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "wikis:\nqueues:\ncdn:\n"} {
		c := load(t, text, nil)
		if c.Listen != "127.0.0.1:8192" || c.Concurrency != 64 || c.Data != filepath.Join(filepath.Dir(c.File), "auwai-data") {
			t.Errorf("%q: %+v", text, c)
		}
		if w := c.Summary().Warnings; len(w) != 1 || !strings.Contains(w[0], "no wiki") {
			t.Errorf("%q: warnings %q", text, w)
		}
	}
	d := config.Default()
	if d.File != "" || !filepath.IsAbs(d.Data) || d.DefaultQueue.Timeout != 7*time.Minute {
		t.Errorf("Default() = %+v", d)
	}
}

func TestOnlyLoopbackAddressesAreListenedOn(t *testing.T) {
	for addr, ok := range map[string]bool{
		"127.0.0.1:8192": true, "127.1.2.3:0": true, "[::1]:8192": true, "localhost:8192": true, "[::ffff:127.0.0.1]:1": true,
		":8192": false, "0.0.0.0:8192": false, "[::]:8192": false, "192.168.0.1:8192": false, "example.org:80": false,
		"127.0.0.1": false, "127.0.0.1:99999": false, "127.0.0.1:http": false, "localhost.example.org:80": false, "": false,
	} {
		if err := config.Default().CheckListen(addr); (err == nil) != ok || err != nil && fault.FieldOf(err) != "listen" {
			t.Errorf("CheckListen(%q) = %v", addr, err)
		}
	}
}

func TestAnOpenSecretIsWarnedOf(t *testing.T) {
	file := write(t, `wikis: {a: {url: "http://127.0.0.1", secret_file: s}}`, map[string]string{"s": "x"})
	if err := os.Chmod(filepath.Join(filepath.Dir(file), "s"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if w := c.Summary().Warnings; len(w) != 1 || !strings.Contains(w[0], "chmod o-r") {
		t.Errorf("warnings %q", w)
	}
}

func TestAFileThatCannotBeReadIsNamed(t *testing.T) {
	_, err := config.Load(filepath.Join(t.TempDir(), "nowhere.yaml"))
	if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "nowhere.yaml") {
		t.Errorf("Load = %v", err)
	}
}

func TestEveryBandHasItsName(t *testing.T) {
	for name, band := range map[string]jobqueue.Band{"interactive": jobqueue.Interactive, "normal": jobqueue.Normal, "bulk": jobqueue.Bulk} {
		if got, ok := config.Band(name); !ok || got != band {
			t.Errorf("Band(%q) = %v, %v", name, got, ok)
		}
	}
	if _, ok := config.Band("urgent"); ok {
		t.Error("urgent is a band")
	}
}

// Whatever the file, Load answers, and only with faults that have a place.
func FuzzFilesOfStrangers(f *testing.F) {
	files, err := filepath.Glob("testdata/faults/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("a: &a [*a]\nwikis: *a\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := config.Load(write(t, text, nil))
		if err == nil {
			if c.CheckListen(c.Listen) != nil || c.Concurrency < 1 {
				t.Errorf("accepted %+v", c)
			}
			return
		}
		faults, ok := errors.AsType[*config.FaultsError](err)
		if !ok {
			t.Fatalf("Load = %v", err)
		}
		for _, f := range faults.Faults {
			if f.Line < 1 || f.Text == "" {
				t.Errorf("the fault %+v has no place", f)
			}
		}
	})
}
