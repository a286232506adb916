package rule

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ruas/ruas/internal/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

func schema(t testing.TB) *event.Schema {
	t.Helper()
	s, err := event.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestMistakes loads every file and folder of testdata/mistakes and compares what is said with its golden file.
func TestMistakes(t *testing.T) {
	s := schema(t)
	entries, err := os.ReadDir("testdata/mistakes")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, entry := range entries {
		name := entry.Name()
		if !entry.IsDir() && filepath.Ext(name) != ".yaml" {
			continue
		}
		tried++
		t.Run(strings.TrimSuffix(name, ".yaml"), func(t *testing.T) {
			path := filepath.Join("testdata/mistakes", name)
			_, err := Load(s, []string{path})
			var errs Errors
			if !errors.As(err, &errs) || len(errs) == 0 {
				t.Fatalf("Load gave %v, no Errors", err)
			}
			for _, e := range errs {
				if e.Line > 0 && (e.Column < 1 || e.EndColumn <= e.Column) || e.Message == "" {
					t.Errorf("an error without a place or a message: %+v", *e)
				}
				if strings.Contains(e.Message, "@") && !strings.Contains(e.text, "@") || strings.Contains(e.Message, "dyn") && !strings.Contains(e.text, "dyn") {
					t.Errorf("a message that speaks of what no user wrote: %s", e.Message)
				}
			}
			golden := filepath.Join("testdata/mistakes", strings.TrimSuffix(name, ".yaml")+".golden")
			got := strings.ReplaceAll(filepath.ToSlash(errs.Error()), "testdata/mistakes/", "") + "\n"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	if tried < 60 {
		t.Errorf("only %d mistakes were tried", tried)
	}
}
