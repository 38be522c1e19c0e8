package rig

import (
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// ServiceConfig is auwai's configuration file, as its documentation describes it.
type ServiceConfig struct {
	Listen      string                 `yaml:"listen"`
	Data        string                 `yaml:"data"`
	Concurrency int                    `yaml:"concurrency,omitempty"`
	Wikis       map[string]WikiConfig  `yaml:"wikis"`
	Queues      map[string]QueueConfig `yaml:"queues,omitempty"`
	CDN         *CDNConfig             `yaml:"cdn,omitempty"`
	RCFeed      string                 `yaml:"rcfeed_listen,omitempty"`
	Workers     *WorkersConfig         `yaml:"workers,omitempty"`
}

// WorkersConfig is the pool of PHP processes of it.
type WorkersConfig struct {
	Script    string `yaml:"script"`
	Processes int    `yaml:"processes"`
}

// WikiConfig is one wiki of it.
type WikiConfig struct {
	URL         string `yaml:"url"`
	ScriptPath  string `yaml:"script_path,omitempty"`
	Host        string `yaml:"host,omitempty"`
	Runner      string `yaml:"runner"` // one of the constants below
	Poll        string `yaml:"poll,omitempty"`
	SecretFile  string `yaml:"secret_file,omitempty"`
	Concurrency int    `yaml:"concurrency,omitempty"`

	Path       string   `yaml:"path,omitempty"`
	WorkerArgs []string `yaml:"worker_args,omitempty"`
}

// QueueConfig is one queue of it; durations are written like 1m30s.
type QueueConfig struct {
	Concurrency int      `yaml:"concurrency,omitempty"`
	PerWiki     int      `yaml:"per_wiki,omitempty"`
	Attempts    int      `yaml:"attempts,omitempty"`
	RetryDelay  string   `yaml:"retry_delay,omitempty"`
	RetryFactor int      `yaml:"retry_factor,omitempty"`
	Timeout     string   `yaml:"timeout,omitempty"`
	Priority    string   `yaml:"priority,omitempty"`
	Runner      string   `yaml:"runner,omitempty"`
	Rate        int      `yaml:"rate,omitempty"`
	Burst       int      `yaml:"burst,omitempty"`
	Exclusive   bool     `yaml:"exclusive,omitempty"`
	Command     []string `yaml:"command,omitempty"`
}

// CDNConfig names the caches that purges go to.
type CDNConfig struct {
	Layers      [][]string `yaml:"layers"`
	HTCP        []string   `yaml:"htcp,omitempty"`
	Rebound     string     `yaml:"rebound,omitempty"`
	PurgeListen string     `yaml:"purge_listen,omitempty"`
	HTCPListen  string     `yaml:"htcp_listen,omitempty"`
}

// The runners of a wiki.
const (
	RunnerAuwai    = "auwai"    // the Auwai extension's endpoint, many jobs a request
	RunnerEventBus = "eventbus" // the EventBus extension's own endpoint, one signed job a request

	RunnerWorker = "worker" // the Auwai extension in PHP processes that stay alive

	RunnerSpecialRunJobs = "special-runjobs" // the wiki's own table, no extension
	RunnerEventBusRPC    = "eventbus-rpc"    // the farm's runner script, no signature
)

// write writes the configuration to a file.
func (c ServiceConfig) write(file string) error {
	text, err := yaml.Marshal(c)
	if err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return os.WriteFile(file, text, 0o600)
}

// ServiceConfig returns a configuration that serves the farm: its wikis with the given runner, its
// Varnish as the only layer, rebound as the delay of the second purge.
func (f *Farm) ServiceConfig(listen, runner, rebound string) ServiceConfig {
	config := ServiceConfig{
		Listen: listen,
		Data:   "auwai-data",
		Wikis:  map[string]WikiConfig{},
		// PHP has few workers, and readers need some of them.
		Queues: map[string]QueueConfig{"default": {PerWiki: max(1, f.options.Workers/2)}},
		CDN:    &CDNConfig{Layers: [][]string{{f.CacheAddress()}}, Rebound: rebound},
	}
	for _, wiki := range f.wikis {
		of := WikiConfig{
			URL: "http://" + f.WebAddress(), ScriptPath: ScriptPath, Host: wiki.Host, Runner: runner,
			SecretFile: wiki.SecretFile, Concurrency: max(1, f.options.Workers/2),
		}
		if runner == RunnerWorker {
			of.Path, of.WorkerArgs = mediaWikiRoot, []string{"--conf=" + f.settingsFile(), "--wiki=" + wiki.Name}
			config.Workers = &WorkersConfig{
				Script: filepath.Join(f.options.Extension, "maintenance", "worker.php"), Processes: max(1, len(f.wikis)-1),
			}
		}
		config.Wikis[wiki.Name] = of
	}
	return config
}
