package cli

import (
	"context"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"auwai/internal/access"
	"auwai/internal/bench"
	"auwai/internal/config"
	"auwai/internal/partition"
)

// Deps are the commands whose work is done elsewhere.
type Deps struct {
	// Serve runs the service until ctx ends, and returns nil after an orderly stop.
	Serve func(ctx context.Context, o ServeOptions) error
	// BenchQueue measures the queue and writes its result to w.
	BenchQueue func(ctx context.Context, o BenchQueueOptions, w io.Writer) error
	// BenchFairness measures how long a wiki waits beside another one's burst, and tells w how it goes.
	BenchFairness func(ctx context.Context, o bench.FairnessOptions, w io.Writer) ([]bench.FairnessPhase, error)
	// BenchMediaWiki measures the ways to run jobs of a wiki and tells w how it goes.
	BenchMediaWiki func(ctx context.Context, o bench.MediaWikiOptions, w io.Writer) ([]bench.MediaWikiFigure, error)
	// StartService starts a service of its own in a folder, for bench intake without --server, and
	// returns its base URL and what ends it.
	StartService func(ctx context.Context, dir string) (url string, stop func() error, err error)
	// Registry knows all families of keys, for keys.
	Registry func() (*partition.Registry, error)
	// Version is shown by "auwai version"; "": what the build says.
	Version string
}

// ServeOptions is what "auwai serve" was asked for.
type ServeOptions struct {
	// Config is checked, and has the flags in it.
	Config *config.Config
	// Drain is how long running jobs are waited for at a stop.
	Drain   time.Duration
	Logger  *slog.Logger
	Version string
	// Reload reads the configuration again; Hangup says when, beside changes of its files.
	Reload func() (*config.Config, error)
	Hangup <-chan os.Signal
}

// BenchQueueOptions is what "auwai bench queue" was asked for.
type BenchQueueOptions struct {
	Jobs, Batch, Producers, Consumers, Payload, Wikis int
	Sync                                              string // durable or relaxed
	JSON                                              bool
	Dir                                               string // "": a temporary folder
}

// app is one run of the command line.
type app struct {
	deps   Deps
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	raw    io.Writer // stdout as it is: for a token that was just made
	server string
	token  string // the file of the token
	json   bool
	now    func() time.Time
}

// Run runs a command line, without the program's name, and returns the exit code.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, deps Deps) int {
	if deps.Version == "" {
		deps.Version = buildVersion()
	}
	raw := stdout
	stdout, stderr = access.RedactWriter(stdout), access.RedactWriter(stderr)
	a := &app{deps: deps, stdin: stdin, stdout: stdout, stderr: stderr, raw: raw, now: time.Now}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	return a.report(command, err)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "auwai",
		Short: "What has to be done after an edit on a farm of wikis",
		Long: `Auwai takes events and jobs of a farm of wikis, keeps them, and has them carried out, each wiki in
its turn. One process serves ("auwai serve"); the other commands speak to it.`,
		Example: `  auwai serve --config /etc/auwai/auwai.yaml
  auwai queues ls
  auwai jobs ls --state dead --wiki aawiki`,
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		SilenceUsage:               true,
		Args:                       cobra.ArbitraryArgs,
		RunE:                       group,
		Version:                    a.build().String(),
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.DisableDefaultCmd = true // ours has examples, and names of the running service
	root.PersistentFlags().BoolVar(&a.json, "json", false, "write JSON, as the API has it")
	root.AddGroup(
		&cobra.Group{ID: groupService, Title: "The service"},
		&cobra.Group{ID: groupClient, Title: "Looking and acting"},
		&cobra.Group{ID: groupTools, Title: "Tools"},
	)
	add(root, groupService, a.serve(), a.worker(), a.check(), a.doctor(), a.version())
	add(root, groupClient, a.queues(), a.jobs(), a.dead(), a.wikis(), a.explain(), a.trace(), a.maintenance(), a.emit(), a.importing(), a.exporting())
	add(root, groupTools, a.tokens(), a.bench(), a.keys(), a.completion())
	a.completeAll(root)
	return root
}

// The groups of commands in the help.
const (
	groupService = "service"
	groupClient  = "client"
	groupTools   = "tools"
)

func add(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		root.AddCommand(c)
	}
}

// group is the work of a command that only holds others.
func group(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		text := "there is no command " + args[0]
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			text += "; did you mean " + strings.Join(near, " or ") + "?"
		}
		return usage("%s", text)
	}
	return c.Help()
}

// noun returns a command that only holds others.
func noun(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: cobra.ArbitraryArgs, RunE: group, SuggestionsMinimumDistance: 2}
	c.AddCommand(commands...)
	return c
}

// args checks the number of arguments, in words.
func args(least, most int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usage("%s is missing", what)
		case most >= 0 && len(args) > most:
			return usage("%q is one argument too many", args[most])
		}
		return nil
	}
}

// withServer adds the flag of commands that speak to a service.
func (a *app) withServer(c *cobra.Command) *cobra.Command {
	def := os.Getenv("AUWAI_SERVER")
	if def == "" {
		def = "http://" + config.DefaultListen
	}
	c.Flags().StringVar(&a.server, "server", def, "base URL of the service, also by AUWAI_SERVER")
	c.Flags().StringVar(&a.token, "token-file", "", "file with the token for the service; the token itself by AUWAI_TOKEN")
	return c
}

// buildVersion is the version that the build has recorded.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := strings.TrimPrefix(info.Main.Version, "v")
	if version == "" || version == "(devel)" {
		version = "dev"
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				version += "-" + s.Value[:12]
			}
		}
	}
	return version
}
