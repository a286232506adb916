//go:build integration

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// command builds the command, once for all tests.
var command = sync.OnceValues(func() (binary string, err error) {
	if commandFolder, err = os.MkdirTemp("", "ruas-command-"); err != nil {
		return "", err
	}
	binary = filepath.Join(commandFolder, "ruas")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return binary, nil
})

var commandFolder string

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(commandFolder) // a leftover in the temporary folder harms nobody
	os.Exit(code)
}

// build gives the built command.
func build(t *testing.T) string {
	t.Helper()
	binary, err := command()
	if err != nil {
		t.Fatalf("building: %v", err)
	}
	return binary
}
