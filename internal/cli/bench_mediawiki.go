package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"auwai/internal/bench"
)

func (a *app) benchMediaWiki() *cobra.Command {
	o := bench.MediaWikiOptions{}
	var secret, key string
	c := &cobra.Command{
		Use:   "mediawiki",
		Short: "Measure the ways to run jobs of a wiki, side by side",
		Long: `Measure jobs a second and CPU time a job of a real wiki, for each way to run them: runner kinds worker,
auwai, eventbus and special-runjobs, and MediaWiki's own runJobs.php, one process for all jobs and one
for each. A kind for which a flag is missing is left out.

The jobs are null jobs, which do nothing, and refreshLinks of the pages that are named; nothing of the
wiki's content changes. For MediaWiki's own ways the wiki has to be reachable with settings that leave
its jobs in its own table (--plain-args, --plain-url), and that table has to be empty. CPU time
counts this program, what it starts, and the web servers named by --web-pid and --plain-web-pid.`,
		Example: `  auwai bench mediawiki --wiki enwiki --wiki-path /srv/mediawiki --worker-args=--wiki=enwiki --pages 'Main Page'
  auwai bench mediawiki --wiki enwiki --wiki-path /srv/mediawiki --url http://127.0.0.1:8080 --secret-file s --pages A,B --json`,
		Args: args(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error {
			if a.deps.BenchMediaWiki == nil {
				return errors.New("this program was built without the benchmark")
			}
			var err error
			if o.Secret, err = secretOf(secret); err == nil {
				o.Key, err = secretOf(key)
			}
			if err != nil {
				return err
			}
			o.JSON = a.json
			figures, err := a.deps.BenchMediaWiki(c.Context(), o, a.stdout)
			if err != nil || a.json {
				return err
			}
			return WriteMediaWikiFigures(a.stdout, figures)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Wiki, "wiki", "", "the wiki's database name")
	f.StringSliceVar(&o.Kinds, "kinds", nil, "ways to measure (default: all): "+strings.Join(bench.Kinds(), ", "))
	f.StringVar(&o.Path, "wiki-path", "", "folder of MediaWiki on this host")
	f.StringVar(&o.PHP, "php", "php", "the PHP program")
	f.StringVar(&o.Script, "worker-script", "", "the extension's worker script (default: extensions/Auwai/maintenance/worker.php below --wiki-path)")
	f.StringArrayVar(&o.Args, "worker-args", nil, "an argument of the worker script, such as --wiki=enwiki; may be repeated")
	f.StringVar(&o.URL, "url", "", "where requests to the wiki go, such as http://127.0.0.1:8080")
	f.StringVar(&o.ScriptPath, "script-path", "/w", "path of MediaWiki's entry points")
	f.StringVar(&o.Host, "host", "", "Host header of requests")
	f.StringVar(&secret, "secret-file", "", "file with the Auwai extension's secret")
	f.StringVar(&key, "key-file", "", "file with the wiki's $wgSecretKey")
	f.StringArrayVar(&o.PlainArgs, "plain-args", nil, "an argument of MediaWiki's scripts with which jobs are in the wiki's own table; may be repeated")
	f.StringVar(&o.PlainURL, "plain-url", "", "where requests go to the wiki with such settings")
	f.IntVar(&o.WebPID, "web-pid", 0, "process of the web server of --url, whose CPU time counts with that of its children")
	f.IntVar(&o.PlainWebPID, "plain-web-pid", 0, "the same of --plain-url")
	f.StringSliceVar(&o.Pages, "pages", nil, "titles of pages whose links are refreshed")
	f.IntVar(&o.Jobs, "jobs", 5000, "null jobs of a round")
	f.IntVar(&o.Parses, "parses", 300, "refreshLinks jobs of a round, at most one for each page")
	f.IntVar(&o.Single, "single", 30, "jobs of a round of the way that starts a process for each")
	f.IntVar(&o.AtOnce, "at-once", 2, "attempts at once, and workers")
	f.IntVar(&o.Rounds, "rounds", 3, "rounds, of which the medians are shown")
	return c
}

// secretOf reads a file with a secret; no name is no secret.
func secretOf(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, usage("%v", err)
	}
	return []byte(strings.TrimSpace(string(text))), nil
}

// WriteMediaWikiFigures writes the figures as a table.
func WriteMediaWikiFigures(w io.Writer, figures []bench.MediaWikiFigure) error {
	rows := make([][]string, 0, len(figures))
	for _, f := range figures {
		row := []string{f.Load, f.Kind, "", "", "", f.Skipped}
		if f.Jobs > 0 {
			row[2], row[3], row[4] = strconv.Itoa(f.Jobs), fmt.Sprintf("%.1f", f.JobsPerSecond), "?"
			if f.CPUPerJob != nil {
				row[4] = fmt.Sprintf("%.2f", *f.CPUPerJob)
			}
		}
		rows = append(rows, row)
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	table(w, []column{{"LOAD", false}, {"KIND", false}, {"JOBS", true}, {"JOBS/S", true}, {"CPU MS/JOB", true}, {"LEFT OUT", false}}, rows)
	return nil
}
