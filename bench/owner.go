package main

import (
	"context"
	"fmt"
	"os"

	"github.com/ruas/ruas/internal/servers"
)

// owner has the servers, and the folders of what is measured. It implements servers.Owner.
type owner struct {
	ctx      context.Context
	folder   string
	cleanups []func()
	failed   bool
}

var _ servers.Owner = (*owner)(nil)

// failure is what Fatalf panics with: it ends main, clean-ups and all.
type failure struct{ text string }

func (*owner) Helper()                           {}
func (o *owner) Context() context.Context        { return o.ctx }
func (o *owner) Cleanup(do func())               { o.cleanups = append(o.cleanups, do) }
func (o *owner) Failed() bool                    { return o.failed }
func (*owner) Logf(format string, args ...any)   { progress(format, args...) }
func (*owner) Errorf(format string, args ...any) { progress(format, args...) }

func (o *owner) Fatalf(format string, args ...any) {
	o.failed = true
	panic(failure{fmt.Sprintf(format, args...)})
}

// TempDir makes a folder that is removed with everything else.
func (o *owner) TempDir() string {
	folder, err := os.MkdirTemp(o.folder, "")
	if err != nil {
		o.Fatalf("making a folder: %v", err)
	}
	o.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			o.Errorf("removing: %v", err)
		}
	})
	return folder
}

// end cleans up, the newest first.
func (o *owner) end() {
	for len(o.cleanups) > 0 {
		last := len(o.cleanups) - 1
		do := o.cleanups[last]
		o.cleanups = o.cleanups[:last]
		do()
	}
}

// progress tells what is being done.
func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
