package main

import (
	"errors"

	"github.com/ruas/ruas/internal/pipeline"
)

// The exit codes.
const (
	exitFine        = 0
	exitInput       = 1 // the input is wrong
	exitUsage       = 2
	exitUnreachable = 3 // a dependency could not be reached, or does not allow it
)

// failure is an error with the exit code that it calls for.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func usage(err error) error {
	if err == nil {
		return nil
	}
	return &failure{exitUsage, err}
}

func unreachable(err error) error {
	if err == nil {
		return nil
	}
	return &failure{exitUnreachable, err}
}

// errReported says that what is wrong was written already.
var errReported = errors.New("reported already")

func exitCode(err error) int {
	var (
		f *failure
		r *pipeline.Refusal
	)
	switch {
	case err == nil:
		return exitFine
	case errors.As(err, &f):
		return f.code
	case errors.As(err, &r) && r.Unreachable:
		return exitUnreachable
	default:
		return exitInput
	}
}
