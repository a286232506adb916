package rule

import (
	"io/fs"
	"testing"

	"github.com/ruas/ruas/segments"
)

// TestStarterSegments compiles segments/, and wants every family and every segment to be presentable.
func TestStarterSegments(t *testing.T) {
	set, err := Load(schema(t), []string{"../../segments"})
	if err != nil {
		t.Fatalf("the starter segments do not compile:\n%v", err)
	}
	if len(set.Segments) < 40 {
		t.Errorf("%d segments, want at least 40", len(set.Segments))
	}
	files := map[string]int{}
	for _, s := range set.Segments {
		files[s.File]++
		if s.Title == "" || s.Description == "" || len(s.Tags) == 0 {
			t.Errorf("%s: %s lacks a title, a description or tags", s.File, s.Name)
		}
	}
	if len(files) < 14 {
		t.Errorf("%d files, want one a family", len(files))
	}
	for name, n := range files {
		if n < 3 {
			t.Errorf("%s has only %d segments", name, n)
		}
	}
	embedded, err := fs.Glob(segments.Files, "*.yaml")
	if err != nil || len(embedded) != len(files) {
		t.Errorf("%d files are embedded, %d are in the folder (%v)", len(embedded), len(files), err)
	}
	t.Logf("%d segments, %d features, rules %s", len(set.Segments), len(set.Features), set.Hash)
}
