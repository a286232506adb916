package rule

import (
	"errors"
	"strings"
	"testing"

	"github.com/ruas/ruas/internal/event"
)

const base = `
features:
  spend: purchase.sum(p, p.amount)
  much: feature.spend * 2.0
  unused: purchase.size()
segments:
  buyer: {when: purchase.size() >= 1}
  big: {when: feature.much > 10.0, include: [spend]}
  both: {when: in_segment("buyer") && in_segment("big")}
  lost: {when: purchase.last("9d").size() == 0}
`

func parseText(t *testing.T, text string) *Set {
	t.Helper()
	schema, err := event.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	set, err := Parse(schema, map[string][]byte{"base.yaml": []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// What a file has replaces what the set has, and gives what both together would have given.
func TestOverlay(t *testing.T) {
	set := parseText(t, base)
	got, err := set.Overlay(map[string][]byte{"draft.yaml": []byte("features:\n  spend: purchase.last('30d').sum(p, p.amount)\nsegments:\n  new: {when: in_segment('both')}\n")})
	if err != nil {
		t.Fatal(err)
	}
	want := parseText(t, strings.Replace(base, "purchase.sum(", "purchase.last('30d').sum(", 1)+"  new: {when: in_segment('both')}\n")
	if got.Hash != want.Hash || set.Hash != parseText(t, base).Hash {
		t.Errorf("hash %s, want %s", got.Hash, want.Hash)
	}
	for i, g := range got.Segments {
		if g.Name != want.Segments[i].Name || g.When.AST == nil {
			t.Errorf("segment %d is %s, want %s", i, g.Name, want.Segments[i].Name)
		}
	}
	again, err := got.Overlay(nil)
	if err != nil || again.Hash != got.Hash {
		t.Errorf("laid over once more: %v", err)
	}
}

// Mistakes have their places, also in the files that were there before.
func TestOverlayMistakes(t *testing.T) {
	set := parseText(t, base)
	for draft, want := range map[string]string{
		"features:\n  spend: purchase.size()\n":                   "base.yaml:4:25",
		"segments:\n  buyer: {when: in_segment('both')}\n":        "the segment both asks for its own membership",
		"segments:\n  new: {when: feature.spent > 3.0}\n":         "draft.yaml:2:",
		"segments:\n  new: {when: true}\n  new: {when: false}\n":  "draft.yaml:3:",
		"features:\n  spend: profile\nsegments:\n  new: [1, 2]\n": "draft.yaml:4:",
	} {
		_, err := set.Overlay(map[string][]byte{"draft.yaml": []byte(draft)})
		var mistakes Errors
		if !errors.As(err, &mistakes) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", draft, err, want)
		}
	}
}

func TestPart(t *testing.T) {
	names := func(s *Set) (out []string) {
		for _, f := range s.Features {
			out = append(out, f.Name)
		}
		for _, g := range s.Segments {
			out = append(out, g.Name)
			if g.Include != nil {
				t.Errorf("%s includes %v", g.Name, g.Include)
			}
		}
		return out
	}
	set := parseText(t, base)
	for _, c := range []struct {
		segments, features []string
		want               string
	}{
		{[]string{"both"}, nil, "spend much big buyer both"},
		{[]string{"lost"}, []string{"unused", "nothing"}, "unused lost"},
		{[]string{"nobody"}, []string{"much"}, "spend much"},
	} {
		if got := strings.Join(names(set.Part(c.segments, c.features)), " "); got != c.want {
			t.Errorf("%v %v: %s, want %s", c.segments, c.features, got, c.want)
		}
	}
}
