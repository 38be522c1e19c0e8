package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"auwai/client"
	"auwai/internal/migrate"
)

// importFlags are the flags of import jobs.
type importFlags struct {
	table         migrate.TableOptions
	redis         string
	redisPassword string // a file
	redisDatabase int
	ledger        string
	dryRun        bool
	skipClaimed   bool
	abandoned     string
}

// ledgerHere is the ledger of what is no file, in the working folder.
const ledgerHere = "auwai-import.ledger"

// shownBad is how many jobs that cannot be imported are shown; --json has more.
const shownBad = 20

func (a *app) importing() *cobra.Command {
	return noun("import", "Bring jobs from another queue", a.importJobs())
}

func (a *app) exporting() *cobra.Command {
	return noun("export", "Write out what the service holds", a.exportJobs())
}

func (a *app) importJobs() *cobra.Command {
	var f importFlags
	c := a.withServer(&cobra.Command{
		Use:   "jobs FILE|-",
		Short: "Import jobs of a wiki's own queue, of a Redis job queue, or of an export",
		Long: `Import jobs into the service. FILE, or standard input (-), is one of

  an SQL dump that has the wiki's job table (mysqldump, mariadb-dump, pg_dump, sqlite3 .dump)
  lines of the extension's maintenance/exportJobs.php, which knows more of the jobs than a dump
  lines of "auwai export jobs"

plain, or compressed by gzip, zstd or bzip2. With --redis, the queues of MediaWiki's JobQueueRedis are read
instead. Sources are only read.

Each job is pushed as the extension would push it: type and parameters byte for byte, the key of
de-duplication, the root, the delay. What cannot be read is listed with its place and the reason, and
does not keep the others. Begin with --dry-run, which counts and pushes nothing. Stop the old queue's
runners first, and what pushes into it.

A ledger beside FILE (FILE.ledger; auwai-import.ledger in the working folder for other sources) notes what the service has taken.
An import that was interrupted goes on where it ended, and a second one doubles nothing, as long as
the ledger is there.`,
		Example: `  auwai import jobs --wiki aawiki --dry-run aawiki.sql.gz
  auwai import jobs --wiki aawiki aawiki.sql.gz
  php extensions/Auwai/maintenance/exportJobs.php | auwai import jobs -
  auwai import jobs --redis 127.0.0.1:6379 --redis-password-file /etc/auwai/redis --dry-run`,
		Args: args(0, 1, "a file"),
		RunE: func(c *cobra.Command, files []string) error {
			switch {
			case f.redis == "" && len(files) == 0:
				return usage("a file is missing; name one, - for standard input, or --redis")
			case f.redis != "" && len(files) == 1:
				return usage("%q and --redis are two sources; name one", files[0])
			}
			name := ""
			if len(files) == 1 {
				name = files[0]
			}
			return a.runImport(c.Context(), name, &f)
		},
	})
	c.Flags().StringVar(&f.table.Wiki, "wiki", "", "database name of the wiki: whose table a dump has; of lines and Redis, import only this wiki's")
	c.Flags().StringVar(&f.table.Table, "table", "job", "name of the table in a dump, with its database or schema where there are several")
	c.Flags().IntVar(&f.table.MaxTries, "max-tries", migrate.DefaultMaxTries, "attempts after which a claimed job of a table is abandoned (maxTries of $wgJobTypeConf)")
	c.Flags().StringSliceVar(&f.table.Twins, "removes-duplicates", nil, "types of jobs of extensions that remove duplicates; a dump does not say it")
	c.Flags().StringVar(&f.redis, "redis", "", "address of a Redis with MediaWiki's job queue: host:port, or the path of a socket")
	c.Flags().StringVar(&f.redisPassword, "redis-password-file", "", "file with the password of Redis")
	c.Flags().IntVar(&f.redisDatabase, "redis-db", 0, "number of the database in Redis")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "only read and count")
	c.Flags().BoolVar(&f.skipClaimed, "skip-claimed", false, "leave out jobs that a runner has or had; otherwise they become ready")
	c.Flags().StringVar(&f.abandoned, "abandoned", migrate.AbandonedDead, "what becomes of jobs that were given up: dead, ready or skip")
	c.Flags().StringVar(&f.ledger, "ledger", "", "file that notes what was imported (default: FILE.ledger)")
	return c
}

func (a *app) runImport(ctx context.Context, name string, f *importFlags) error {
	source, closeSource, err := a.importSource(name, f)
	if err != nil {
		return err
	}
	defer closeSource()
	to, err := a.target()
	if err != nil {
		return err
	}
	path := f.ledger
	switch {
	case path != "":
	case name == "" || name == "-":
		path = ledgerHere
	default:
		path = name + ".ledger"
	}
	ledger, err := migrate.OpenLedger(path, to.Server)
	if err != nil {
		return err
	}
	o := migrate.ImportOptions{
		Ledger: ledger, SkipClaimed: f.skipClaimed, Abandoned: f.abandoned, Progress: a.importProgress,
		Waiting: func(reason error, d time.Duration) {
			fmt.Fprintf(a.stderr, "%s; again in %s\n", a.words(reason), d)
		},
	}
	if !f.dryRun {
		service, err := client.New(to)
		if err != nil {
			return err
		}
		defer service.Close()
		o.Pusher = service
	}
	report, err := migrate.Import(ctx, source, o)
	err = errors.Join(err, ledger.Close())
	if report != nil {
		if shownErr := a.showImport(report, path, f.skipClaimed); shownErr != nil {
			return errors.Join(err, shownErr)
		}
	}
	switch {
	case err != nil && report != nil && report.Pushed > 0:
		return fmt.Errorf("%w\nThe same command goes on where this one ended", err)
	case err == nil && report.BadCount > 0:
		return errSilent
	}
	return err
}

// importSource opens what is imported, and returns what closes it.
func (a *app) importSource(name string, f *importFlags) (migrate.Source, func(), error) {
	if f.redis != "" {
		password, err := readSecret(f.redisPassword)
		if err != nil {
			return nil, nil, err
		}
		r, err := migrate.NewRedis(migrate.RedisOptions{
			Address: f.redis, Password: password, Database: f.redisDatabase, Wiki: f.table.Wiki, Twins: f.table.Twins,
		})
		if err != nil {
			return nil, nil, err
		}
		return r, func() { _ = r.Close() }, nil // it was only read
	}
	in, size, closeFile := a.stdin, int64(0), func() {}
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, nil, err
		}
		closeFile = func() { _ = file.Close() } // it was only read
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
		in = file
	}
	source, err := migrate.OpenText(in, size, f.table)
	if err != nil {
		closeFile()
		if name == "-" {
			name = "standard input"
		}
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return source, closeFile, nil
}

// readSecret reads a file with one secret; no name is no secret.
func readSecret(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

func (a *app) importProgress(r *migrate.Report, share float64) {
	part := ""
	if share >= 0 {
		part = fmt.Sprintf(" (%.0f %%)", 100*share)
	}
	fmt.Fprintf(a.stderr, "%d jobs read%s, %d pushed, %d imported before\n", r.Sum.Jobs(), part, r.Pushed, r.Already)
}

// showImport shows a report.
func (a *app) showImport(r *migrate.Report, ledger string, skipped bool) error {
	if a.json {
		return a.writeJSON(r)
	}
	rows := make([][]string, 0, len(r.Queues)+1)
	row := func(wiki, queue string, t *migrate.Tally) []string {
		return []string{wiki, queue, jobCount(t.Waiting), jobCount(t.Delayed), jobCount(t.Claimed), jobCount(t.Abandoned)}
	}
	for i := range r.Queues {
		rows = append(rows, row(r.Queues[i].Wiki, r.Queues[i].Queue, &r.Queues[i]))
	}
	if len(rows) == 0 {
		fmt.Fprintln(a.stdout, "There are no jobs.")
	} else {
		rows = append(rows, row("all", "", &r.Sum))
		table(a.stdout, []column{
			{"WIKI", false}, {"QUEUE", false}, {"WAITING", true}, {"DELAYED", true}, {"CLAIMED", true}, {"ABANDONED", true},
		}, rows)
		fmt.Fprintln(a.stdout)
	}
	importOutcome(a.stdout, r, ledger, skipped)
	for i, p := range r.Bad {
		if i == shownBad {
			fmt.Fprintf(a.stderr, "  and %d more; --json lists up to %d\n", r.BadCount-shownBad, migrate.MostBad)
			break
		}
		fmt.Fprintf(a.stderr, "  %s: %s\n", p.Where, oneLine(p.Reason, mostWords))
	}
	return nil
}

// importOutcome says what became of the jobs.
func importOutcome(w io.Writer, r *migrate.Report, ledger string, skipped bool) {
	if r.Already > 0 {
		fmt.Fprintf(w, "%s imported before, by %s.\n", plural(r.Already, "job was", "jobs were"), ledger)
	}
	if r.Skipped > 0 {
		fmt.Fprintf(w, "%s left out, as asked for.\n", plural(r.Skipped, "job is", "jobs are"))
	}
	switch {
	case r.DryRun:
		fmt.Fprintln(w, "Nothing was pushed: this was a dry run.")
	default:
		fmt.Fprintf(w, "%s pushed: %d merged into waiting twins, %d kept as dead.\n", plural(r.Pushed, "job", "jobs"), r.Merged, r.Dead)
	}
	if r.Sum.Claimed > 0 && !skipped {
		fmt.Fprintf(w, "A claimed job becomes ready: if a runner still has it, it runs twice. --skip-claimed leaves it out.\n")
	}
	if r.BadCount > 0 {
		fmt.Fprintf(w, "%s not imported:\n", plural(r.BadCount, "job was", "jobs were"))
	}
}

// jobCount writes a number, and nothing for none.
func jobCount(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
