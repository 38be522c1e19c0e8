package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"auwai/internal/config"
	"auwai/internal/kv/pebblekv"
	"auwai/internal/telemetry"
)

func (a *app) serve() *cobra.Command {
	var file, data, listen, format, level string
	var drain time.Duration
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the service",
		Long: `Run the service until SIGTERM or SIGINT. It then stops dispatching, goes on answering, waits for
running jobs as long as --drain says, writes down what still runs, and exits 0.

The configuration file and the files that it names are looked at every two seconds, and read again when
one has changed, or at SIGHUP. A file with a fault changes nothing; /readyz and the log say so.

Without --config it takes events and jobs and keeps them; jobs of wikis that it does not know are held.`,
		Example: `  auwai serve --config /etc/auwai/auwai.yaml
  auwai serve --data /var/lib/auwai --listen 127.0.0.1:8192 --drain 1m`,
		Args: args(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error {
			if drain < 0 {
				return usage("--drain is %s; it cannot be negative", drain)
			}
			logger, err := telemetry.NewLogger(a.stderr, format, level)
			if err != nil {
				return usage("--%s", err)
			}
			cfg, err := loadConfig(file, data, listen)
			if err != nil {
				return err
			}
			if a.deps.Serve == nil {
				return errors.New("this program was built without the service")
			}
			for _, w := range cfg.Summary().Warnings {
				logger.Warn("configuration", "warning", w)
			}
			hangup := make(chan os.Signal, 1)
			signal.Notify(hangup, syscall.SIGHUP)
			defer signal.Stop(hangup)
			err = a.deps.Serve(c.Context(), ServeOptions{
				Config: cfg, Drain: drain, Logger: logger, Version: a.deps.Version,
				Reload: func() (*config.Config, error) { return loadConfig(file, data, listen) }, Hangup: hangup,
			})
			return startError(err, cfg)
		},
	}
	c.Flags().StringVar(&file, "config", "", "configuration file (default: none)")
	c.Flags().StringVar(&data, "data", "", "folder of the store (default ./"+config.DefaultData+")")
	c.Flags().StringVar(&listen, "listen", "", "address of the HTTP interface (default "+config.DefaultListen+")")
	c.Flags().DurationVar(&drain, "drain", 30*time.Second, "how long running jobs are waited for at a stop")
	c.Flags().StringVar(&format, "log-format", "text", "text or json")
	c.Flags().StringVar(&level, "log-level", "info", "debug, info, warn or error")
	return c
}

// startError puts into words what most often keeps a service from starting.
func startError(err error, cfg *config.Config) error {
	switch {
	case errors.Is(err, pebblekv.ErrInUse):
		return fmt.Errorf("the store in %s is in use: stop the auwai that runs on it, or name another folder with --data", cfg.Data)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is in use: stop what listens there, or name another address with --listen", cfg.Listen)
	}
	return err
}

// loadConfig reads the configuration; flags win.
func loadConfig(file, data, listen string) (*config.Config, error) {
	cfg := config.Default()
	if file != "" {
		var err error
		if cfg, err = config.Load(file); err != nil {
			return nil, err
		}
	}
	if data != "" {
		dir, err := filepath.Abs(data)
		if err != nil {
			return nil, fmt.Errorf("find the folder %s: %w", data, err)
		}
		cfg.Data = dir
	}
	if listen != "" {
		if err := cfg.CheckListen(listen); err != nil {
			return nil, err
		}
		cfg.Listen = listen
	}
	return cfg, nil
}

func (a *app) check() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "check",
		Short: "Verify a configuration file without starting anything",
		Long:  "Verify a configuration file and the files of secrets that it names. All faults are shown at once, with their lines.",
		Example: `  auwai check --config /etc/auwai/auwai.yaml
  auwai check --config auwai.yaml --json`,
		Args: args(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			if file == "" {
				return usage("--config is missing; name the file to verify")
			}
			cfg, err := config.Load(file)
			if f, ok := errors.AsType[*config.FaultsError](err); ok && a.json {
				if err := a.writeJSON(struct {
					OK     bool           `json:"ok"`
					Faults []config.Fault `json:"faults"`
				}{false, f.Faults}); err != nil {
					return err
				}
				return errSilent
			}
			if err != nil {
				return err
			}
			s := cfg.Summary()
			if a.json {
				return a.writeJSON(struct {
					OK bool `json:"ok"`
					config.Summary
				}{true, s})
			}
			showSummary(a.stdout, s)
			return nil
		},
	}
	c.Flags().StringVar(&file, "config", "", "configuration file")
	return c
}

func showSummary(w io.Writer, s config.Summary) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-13s%s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(w, "%s is right\n\n", s.File)
	row("listen", "%s", s.Listen)
	row("access", "%s", s.Access)
	row("data", "%s", s.Data)
	row("concurrency", "%d", s.Concurrency)
	kinds := make([]string, 0, len(s.Runners))
	for _, k := range slices.Sorted(maps.Keys(s.Runners)) {
		kinds = append(kinds, fmt.Sprintf("%d %s", s.Runners[k], k))
	}
	row("wikis", "%d", s.Wikis)
	if s.Wikis > 0 {
		row("domains", "%d", s.Domains)
		row("runners", "%s", strings.Join(kinds, ", "))
	}
	if s.RCFeed != "" {
		row("rcfeed", "udp %s", s.RCFeed)
	}
	row("queues", "%s", cmp.Or(strings.Join(s.Queues, ", "), "none by name: all as default"))
	if s.Schemas > 0 {
		row("schemas", "%d", s.Schemas)
	}
	row("cdn", "%s", describeCDN(s))
	if len(s.PurgeWires) > 0 {
		row("purges from", "%s", strings.Join(s.PurgeWires, ", "))
	}
	for _, warning := range s.Warnings {
		fmt.Fprintf(w, "\nwarning: %s\n", warning)
	}
}

func describeCDN(s config.Summary) string {
	var parts []string
	if s.Layers > 0 {
		parts = append(parts, plural(s.Layers, "layer", "layers"), plural(s.Servers, "server", "servers"))
	}
	if s.Receivers > 0 {
		parts = append(parts, plural(s.Receivers, "HTCP receiver", "HTCP receivers"))
	}
	if len(parts) == 0 {
		return "none: purges make no jobs"
	}
	return strings.Join(append(parts, "rebound "+s.Rebound), ", ")
}

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show the version",
		Example: "  auwai version --json",
		Args:    args(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return a.writeJSON(a.build())
			}
			_, err := fmt.Fprintln(a.stdout, a.build())
			return err
		},
	}
}

// build is what this program was made from.
type build struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	System  string `json:"system"`
}

func (a *app) build() build {
	return build{a.deps.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
}

func (b build) String() string { return fmt.Sprintf("auwai %s (%s, %s)", b.Version, b.Go, b.System) }

// writeJSON writes one document to stdout.
func (a *app) writeJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
