// Command koonti serves, checks and audits content kept in Git.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/koonti/koonti/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
