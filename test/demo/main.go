package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"auwai/test/rig"
)

func main() {
	install := flag.Bool("install", false, "install the Debian packages and stop")
	tests := flag.Bool("tests", false, "with -install: also what the end-to-end tests need")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *install {
		packages := demoPackages()
		if *tests {
			packages = append(packages, rig.PHPUnitPackages()...)
			packages = append(packages, rig.ActivationPackages()...)
			packages = append(packages, rig.BrowserPackages()...)
		}
		err = rig.Ensure(ctx, os.Stdout, packages)
	} else {
		err = demonstrate(ctx, os.Getenv("KEEP") != "")
	}
	if err == nil {
		return
	}
	if ctx.Err() != nil {
		err = errors.New("stopped by a signal")
	}
	fmt.Fprintf(os.Stderr, "\nThe demo failed: %v\n", err)
	stop()
	os.Exit(1) //nolint:gocritic // what was deferred has been called
}

// demoPackages are the Debian packages of the demonstration.
func demoPackages() []string { return append(rig.MediaWikiPackages(), rig.VarnishPackages()...) }

// demonstrate runs the demonstration in a temporary folder, which stays only if something failed.
func demonstrate(ctx context.Context, keep bool) (err error) {
	dir, err := os.MkdirTemp("", "auwai-demo-")
	if err != nil {
		return err
	}
	d := &demo{dir: dir, screen: newScreen(os.Stdout)}
	err = errors.Join(d.run(ctx), ctx.Err())
	if keep && ctx.Err() == nil && d.reachable() {
		if err != nil {
			d.screen.line(fmt.Sprintf("\nThe demo failed: %v", err))
		}
		d.stayUp(ctx)
	}
	d.close()
	if ctx.Err() != nil {
		return errors.Join(err, os.RemoveAll(dir)) // whoever stopped it wants nothing left
	}
	if err != nil {
		return fmt.Errorf("%w\nLogs, databases and settings are in %s", err, dir)
	}
	return os.RemoveAll(dir)
}
