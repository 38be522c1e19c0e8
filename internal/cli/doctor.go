package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"auwai/internal/config"
)

// defaultConfig is where the packages keep the configuration.
const defaultConfig = "/etc/auwai/auwai.yaml"

// level is how much a finding matters.
type level string

// The levels.
const (
	levelFine    level = "ok"
	levelNote    level = "note"    // worth knowing
	levelProblem level = "problem" // somebody should act
)

// finding is what one check found.
type finding struct {
	Check  string `json:"check"`
	Level  level  `json:"level"`
	Text   string `json:"text"`
	Remedy string `json:"remedy,omitempty"`
}

// doctor gathers findings.
type doctor struct {
	*app

	findings []finding
}

func (d *doctor) add(check string, l level, remedy, format string, args ...any) {
	d.findings = append(d.findings, finding{Check: check, Level: l, Text: fmt.Sprintf(format, args...), Remedy: remedy})
}

func (a *app) doctor() *cobra.Command {
	var file string
	c := a.withServer(&cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong, and say what to do about it",
		Long: `Look at the configuration, the service, each wiki, the caches, the clocks, the disk, the permissions of
files, the units of systemd, and at work that is stuck. Each finding has its remedy. It asks each wiki with
a run endpoint for a sign of life, which has the wiki send what it has spooled; else it changes nothing.
The exit code is 1 when there is a problem. Run it on the host of the service, as its user.`,
		Example: `  auwai doctor
  auwai doctor --config /etc/auwai/auwai.yaml --json | jq '.findings[] | select(.level == "problem")'`,
		Args: args(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error {
			d := &doctor{app: a}
			cfg := d.configuration(file)
			if cfg != nil {
				d.host(cfg)
				d.neighbours(c.Context(), cfg)
			}
			d.service(c.Context())
			d.units(c.Context())
			return d.result()
		},
	})
	c.Flags().StringVar(&file, "config", "", "configuration file (default: "+defaultConfig+", if it is there)")
	return c
}

// result shows the findings, problems first.
func (d *doctor) result() error {
	rank := map[level]int{levelProblem: 0, levelNote: 1, levelFine: 2}
	slices.SortStableFunc(d.findings, func(x, y finding) int { return rank[x.Level] - rank[y.Level] })
	problems := 0
	for i := range d.findings {
		if d.findings[i].Level == levelProblem {
			problems++
		}
	}
	if d.json {
		err := d.writeJSON(struct {
			OK       bool      `json:"ok"`
			Findings []finding `json:"findings"`
		}{problems == 0, d.findings})
		if err != nil {
			return err
		}
	} else {
		d.show(problems)
	}
	if problems > 0 {
		return errSilent
	}
	return nil
}

func (d *doctor) show(problems int) {
	for i := range d.findings {
		f := &d.findings[i]
		fmt.Fprintf(d.stdout, "%-8s %-14s %s\n", f.Level, f.Check, oneLine(f.Text, 300))
		if f.Remedy != "" {
			fmt.Fprintf(d.stdout, "%-8s %-14s → %s\n", "", "", f.Remedy)
		}
	}
	switch problems {
	case 0:
		fmt.Fprintln(d.stdout, "\nNo problem was found.")
	default:
		fmt.Fprintf(d.stdout, "\n%s.\n", plural(problems, "problem", "problems"))
	}
}

// configuration reads the configuration; nil: there is none that could be read.
func (d *doctor) configuration(file string) *config.Config {
	if file == "" {
		if _, err := os.Stat(defaultConfig); err != nil {
			d.add("configuration", levelNote, "name the file with --config", "no --config, and no %s: host, wikis and caches are not looked at", defaultConfig)
			return nil
		}
		file = defaultConfig
	}
	cfg, err := config.Load(file)
	if f, ok := errors.AsType[*config.FaultsError](err); ok {
		d.add("configuration", levelProblem, "auwai check --config "+file+" shows each of them with its line", "%s has %s: %s",
			file, plural(len(f.Faults), "fault", "faults"), oneLine(f.Error(), 200))
		return nil
	}
	if err != nil {
		d.add("configuration", levelProblem, "name a file that can be read, as the user of the service", "%s", err)
		return nil
	}
	d.add("configuration", levelFine, "", "%s is right: %s", file, plural(len(cfg.Wikis), "wiki", "wikis"))
	return cfg
}

// Bounds of what is still well.
const (
	oldDead   = 24 * time.Hour
	longHeld  = time.Hour
	skewMost  = 5 * time.Second
	lookAtMax = 1_000 // dead jobs that are looked at
)

// service looks at the running service and at work that is stuck.
func (d *doctor) service(ctx context.Context) {
	service, err := d.connect()
	if err != nil {
		d.add("service", levelProblem, "", "%s", err)
		return
	}
	defer service.Close()
	ready, reason, err := service.Ready(ctx)
	switch {
	case err != nil:
		d.add("service", levelProblem, "start it (systemctl start auwai), or name it with --server", "%s", d.words(err))
		return
	case !ready:
		d.add("service", levelProblem, "its log says more; docs/operate/trouble.md", "it is not ready: %s", reason)
	case reason != "":
		d.add("service", levelProblem, "repair the file; it is read again by itself", "it is ready, but: %s", reason)
	default:
		d.add("service", levelFine, "", "%s is ready", d.server)
	}
	d.version(ctx, service)
	d.clock(ctx, service)
	d.stuck(ctx, service)
}

// failed is the finding of a question that the service did not answer as it should.
func (d *doctor) failed(check string, err error) {
	remedy := d.remedy(err)
	if remedy == "" {
		remedy = "a token of the role read for all wikis is needed, where tokens are configured"
	}
	d.add(check, levelProblem, strings.TrimSuffix(remedy, "."), "%s", d.app.words(err))
}
