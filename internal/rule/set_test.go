package rule

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func mustParse(t *testing.T, files map[string]string) *Set {
	t.Helper()
	set, err := parseFiles(t, files)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func parseFiles(t *testing.T, files map[string]string) (*Set, error) {
	t.Helper()
	raw := map[string][]byte{}
	for name, text := range files {
		raw[name] = []byte(text)
	}
	return Parse(schema(t), raw)
}

func TestOrder(t *testing.T) {
	set := mustParse(t, map[string]string{
		"z.yaml": `
features:
  b: feature.z + 1
  c: purchase.size()
  a: feature.b + feature.c
segments:
  d: {when: in_segment("e")}
  a: {when: feature.through > 0, include: [a]}
  c: {when: purchase.size() > 1}
`,
		"a.yaml": `
features:
  z: refund.size()
  through: feature.deep
  deep: 'in_segment("z") ? 1 : 0'
segments:
  e: {when: purchase.size() > 1, until: '!in_segment("c")'}
  z: {when: purchase.size() > 3}
`,
	})
	var features, segments []string
	for _, f := range set.Features {
		features = append(features, f.Name)
	}
	for _, s := range set.Segments {
		segments = append(segments, s.Name)
	}
	if got, want := strings.Join(features, " "), "c deep through z b a"; got != want {
		t.Errorf("features in order %s, want %s", got, want)
	}
	if got, want := strings.Join(segments, " "), "c e d z a"; got != want {
		t.Errorf("segments in order %s, want %s", got, want)
	}
	if d := set.Segments[1]; d.File != "a.yaml" || d.Line != 7 || d.Until.Column != 42 {
		t.Errorf("e is at %s:%d, its until in column %d", d.File, d.Line, d.Until.Column)
	}
}

func TestHash(t *testing.T) {
	base := map[string]string{"a.yaml": `
features:
  spend: purchase.last("90d").sum(p, p.amount)
segments:
  one:
    title: One
    when: feature.spend >= 500
  two:
    when: purchase.size() > 3
`}
	same := map[string]string{
		"x.yaml": "segments:\n  two:\n    tags: [x]\n    when: |\n      purchase.size()>3 // more than three\n",
		"b.yaml": "# spend\nfeatures:\n  spend: >\n    purchase\n    .last( \"90d\" ).sum(p, p.amount)\nsegments:\n  one: {when: 'feature.spend >= 500'}\n",
	}
	hash := mustParse(t, base).Hash
	if !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(hash) {
		t.Errorf("the hash is %q", hash)
	}
	if other := mustParse(t, same).Hash; other != hash {
		t.Errorf("another layout of the same rules has the hash %s, not %s", other, hash)
	}
	for _, change := range [][2]string{
		{`"90d"`, `"91d"`}, {">= 500", ">= 500\n    until: feature.spend < 400"}, {">= 500", ">= 500\n    include: [spend]"},
		{"  one:", "  uno:"}, {"size() > 3", "size() > 4"}, {"spend: p", "other: refund.size()\n  spend: p"},
	} {
		changed := strings.Replace(base["a.yaml"], change[0], change[1], 1)
		if other := mustParse(t, map[string]string{"a.yaml": changed}).Hash; other == hash {
			t.Errorf("%q for %q keeps the hash", change[1], change[0])
		}
	}
}

func TestLoadFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a := write("a.yaml", "segments:\n  a: {when: purchase.size() > 0}\n")
	write("b.yml", "segments:\r\n  b: {when: feature.n > 0}\r\n")
	write("empty.yaml", "# nothing yet\n")
	write("nothing.yaml", "features:\nsegments:\n")
	write(".hidden.yaml", "nonsense")
	write("notes.txt", "nonsense")
	write("inner/c.yaml", "nonsense")
	other := write("other/features.conf", "\ufefffeatures:\n  n: purchase.size()\n")

	set, err := Load(schema(t), []string{dir, a, other})
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Segments) != 2 || len(set.Features) != 1 || set.Segments[0].File != a {
		t.Errorf("loaded %d segments and %d features", len(set.Segments), len(set.Features))
	}

	var errs Errors
	if _, err := Load(schema(t), []string{filepath.Join(dir, "none")}); err == nil || errors.As(err, &errs) {
		t.Errorf("a missing path gives %v", err)
	}
	if _, err := Load(schema(t), []string{filepath.Join(dir, "other")}); !errors.As(err, &errs) || len(errs) != 1 {
		t.Errorf("a folder without rule files gives %v", err)
	}
}

func TestErrorJSON(t *testing.T) {
	_, err := parseFiles(t, map[string]string{"a.yaml": "segments:\n  a:\n    when: profile.contry == \"ID\"\n"})
	var errs Errors
	if !errors.As(err, &errs) {
		t.Fatal(err)
	}
	got, err := json.Marshal(errs)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"file":"a.yaml","line":3,"column":19,"end_column":25,"message":"the profile has no attribute contry","suggestion":"country"}]`
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestErrorf underlines nodes of a checked expression, for those who refuse it later.
func TestErrorf(t *testing.T) {
	set := mustParse(t, map[string]string{"a.yaml": "segments:\n  a:\n    when: 1 < purchase.last(\"3d\").filter(p, p.amount > 5).size()\n"})
	x := set.Segments[0].When
	filter := x.AST.Expr().AsCall().Args()[1].AsCall().Target()
	e := x.Errorf(filter.ID(), "too much of %s", "it")
	if text := string([]rune(e.text)[e.Column-1 : e.EndColumn-1]); e.Line != 3 || text != `purchase.last("3d").filter(p, p.amount > 5)` {
		t.Errorf("line %d, %q is underlined", e.Line, text)
	}
	if e := x.Errorf(0, "all of it"); e.Column != 11 {
		t.Errorf("an unknown node is in column %d", e.Column)
	}
}

// TestManyFeatures sees that a broken feature takes no others down, and that circles are told once.
func TestManyFeatures(t *testing.T) {
	_, err := parseFiles(t, map[string]string{"a.yaml": `
features:
  a: feature.b + feature.c
  b: feature.a + 1
  c: feature.c
  d: feature.a > 1 && profile.contry == "ID"
  e: feature.f.last("3d").size()
  f: purchase.filtr(p, true)
  g: feature.e / 2 > 3.5 || feature.f.newest().amount > 3
segments:
  s: {when: feature.d || feature.g || feature.nope > 1 || feature.e > 3, include: [a, e, f]}
`})
	var errs Errors
	if !errors.As(err, &errs) {
		t.Fatal(err)
	}
	want := []string{"the feature a uses itself: a → b → a", "the feature c uses itself: c → c", "the profile has no attribute contry",
		"there is no function filtr", "there is no feature nope"}
	var got []string
	for _, e := range errs {
		got = append(got, e.Message)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
