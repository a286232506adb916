// Command ruas keeps customer segments up to date while events stream in. This package owns flags, wiring, signals and exit codes, and
// nothing of what rules mean.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// streams are what a command reads and writes; results go to out, all else to err.
type streams struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := execute(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr, os.Environ()})
	stop()
	os.Exit(code)
}
