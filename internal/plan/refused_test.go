package plan_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/plan"
	"github.com/ruas/ruas/internal/rule"
)

var update = flag.Bool("update", false, "write the golden files anew")

// compile reads and compiles a rule file or a folder of them.
func compile(t *testing.T, path string) (*plan.Plan, error) {
	t.Helper()
	schema, err := event.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	set, err := rule.Load(schema, []string{path})
	if err != nil {
		return nil, err
	}
	return plan.New(set, plan.Options{MaxLateness: 30 * 24 * 60 * 60 * 1000})
}

// golden compares a text with a file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// rulesIn gives the rule files and folders of a folder.
func rulesIn(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, entry := range entries {
		if entry.IsDir() || filepath.Ext(entry.Name()) == ".yaml" {
			paths = append(paths, filepath.Join(folder, entry.Name()))
		}
	}
	return paths
}

// told is what people are told, with the places relative to the folder.
func told(folder string, errs rule.Errors) string {
	return strings.ReplaceAll(filepath.ToSlash(errs.Error()), folder+"/", "") + "\n"
}

// TestRefusals compiles every file of testdata/refused and compares what is said with its golden file.
func TestRefusals(t *testing.T) {
	const folder = "testdata/refused"
	for _, path := range rulesIn(t, folder) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			_, err := compile(t, path)
			var errs rule.Errors
			if !errors.As(err, &errs) || len(errs) == 0 {
				t.Fatalf("compiling gave %v, no Errors", err)
			}
			for _, e := range errs {
				if e.Line == 0 || e.EndColumn <= e.Column || e.Message == "" || strings.Contains(e.Message, "@") {
					t.Errorf("an error without a place or a message, or that speaks of what nobody wrote: %+v", *e)
				}
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".golden", told(folder, errs))
		})
	}
}

// TestWarnings compares what segments are warned of with a golden file.
func TestWarnings(t *testing.T) {
	const folder = "testdata/warned"
	for _, path := range rulesIn(t, folder) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			p, err := compile(t, path)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for i := range p.Segments {
				fmt.Fprintf(&b, "%s:\n%s", p.Segments[i].Name, told(folder, p.Segments[i].Warnings))
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".golden", b.String())
		})
	}
}
