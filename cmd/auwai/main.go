// Command auwai does what has to be done after an edit on a farm of wikis; see package cli.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"auwai/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, cli.Service()))
}
