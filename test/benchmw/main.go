package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"auwai/internal/bench"
	"auwai/internal/cli"
	"auwai/internal/server"
	"auwai/test/rig"
)

const (
	wikiName = "aawiki"
	pages    = 240
)

func main() {
	o := bench.MediaWikiOptions{Wiki: wikiName}
	install := flag.Bool("install", false, "install the Debian packages first")
	eventbus := flag.String("eventbus", "", "folder of the EventBus extension; empty: the kind eventbus is left out")
	flag.IntVar(&o.Jobs, "jobs", 5000, "trivial jobs of a round")
	flag.IntVar(&o.Parses, "parses", pages, "refreshLinks jobs of a round")
	flag.IntVar(&o.Single, "single", 30, "jobs of a round of the kind that starts a process for each")
	flag.IntVar(&o.AtOnce, "at-once", 2, "attempts at once, and workers")
	flag.IntVar(&o.Rounds, "rounds", 3, "rounds, of which the medians are shown")
	kinds := flag.String("kinds", "", "ways to measure, separated by commas; empty: all")
	flag.Parse()
	if *kinds != "" {
		o.Kinds = strings.Split(*kinds, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o, *install, *eventbus)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "benchmw: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o bench.MediaWikiOptions, install bool, eventbus string) (err error) {
	if install {
		if err := rig.Ensure(ctx, os.Stdout, rig.MediaWikiPackages()); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "auwai-benchmw-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	sink, stopSink, err := server.Start(ctx, filepath.Join(dir, "sink"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopSink()) }()
	fmt.Fprintf(os.Stdout, "making a wiki of %d pages in %s\n", pages, dir)
	w, err := makeWiki(ctx, dir, sink, eventbus)
	if err != nil {
		return err
	}
	if err := w.start(ctx, o.AtOnce); err != nil {
		w.stop()
		return err
	}
	defer w.stop()
	w.describe(&o, eventbus != "")
	figures, err := bench.MediaWiki(ctx, o, os.Stdout)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, w.lastWords())
	}
	return cli.WriteMediaWikiFigures(os.Stdout, figures)
}
