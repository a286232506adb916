package rule

import (
	"errors"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// TestPlaces writes random texts as YAML in every style, and wants each character that the file shows as it is to be found in its place.
func TestPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-zé日()\[\]."'\\&!|<>=#:0-9]{1,6}`)
		lines := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(word, 1, 5).Draw(t, "words"), " ")
		}), 1, 5).Draw(t, "lines")
		text := strings.Join(lines, rapid.SampledFrom([]string{"\n", " ", "\n\n", "\n  "}).Draw(t, "join"))
		style := rapid.SampledFrom([]yaml.Style{0, yaml.LiteralStyle, yaml.FoldedStyle, yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle}).Draw(t, "style")
		doc := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
			{Kind: yaml.ScalarNode, Value: "when"}, {Kind: yaml.ScalarNode, Value: text, Style: style}}}
		content, err := yaml.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		var back yaml.Node
		if err := yaml.Unmarshal(content, &back); err != nil {
			t.Fatal(err)
		}
		n := back.Content[0].Content[1]
		file := newSource("a.yaml", content)
		p := newPlaces(file, n)
		for i, c := range []rune(n.Value) {
			if c == ' ' || c == '\n' {
				continue
			}
			shown := file.line(p.at[i].line)[p.at[i].column-1]
			if escaped := n.Style&yaml.DoubleQuotedStyle != 0 && shown == '\\'; shown != c && !escaped {
				t.Fatalf("character %d of %q is %c, its place %+v holds %c in\n%s", i, n.Value, c, p.at[i], shown, content)
			}
		}
	})
}

// TestSpans cuts the text of nodes out of expressions.
func TestSpans(t *testing.T) {
	tok := newTokens(`a.b(c)[1].d + (e in [1, 2] ? "x)" : f) // end (`)
	var words []string
	for _, one := range tok.list {
		words = append(words, one.text)
	}
	if got, want := strings.Join(words, " "), `a . b ( c ) [ 1 ] . d + ( e in [ 1 , 2 ] ? "x)" : f )`; got != want {
		t.Errorf("tokens %s, want %s", got, want)
	}
	if got := tok.chainStart(10); got != 0 {
		t.Errorf("the chain of d starts at token %d", got)
	}
	for source, kind := range map[string]tokenKind{`r"a\"`: tokenString, `b'x'`: tokenString, `"""a"b"""`: tokenString, `1.5e-3`: tokenNumber,
		`0xFFu`: tokenNumber, `.5`: tokenNumber, `__a1`: tokenWord} {
		if list := newTokens(source).list; len(list) != 1 || list[0].kind != kind || list[0].text != source {
			t.Errorf("%s is read as %+v", source, list)
		}
	}
}

// FuzzParse wants no panic, and a place for every mistake, whatever a file holds.
func FuzzParse(f *testing.F) {
	f.Add([]byte("segments:\n  a:\n    when: purchase.last(\"3d\").size() > 0\n"))
	f.Add([]byte("features: {a: &x 'b', c: *x}\nsegments: [1]\n"))
	f.Add([]byte("segments:\n  a:\n    when: >-\n      a\n      && \"b\n\n       c"))
	f.Add([]byte("a: &a [*a]"))
	s := schema(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		_, err := Parse(s, map[string][]byte{"a.yaml": content})
		if err == nil {
			return
		}
		var errs Errors
		if !errors.As(err, &errs) || len(errs) == 0 || errs.Error() == "" {
			t.Fatalf("%q gives %v", content, err)
		}
		for _, e := range errs {
			if e.Line < 1 || e.Column < 1 || e.EndColumn <= e.Column {
				t.Fatalf("%q gives an error without a place: %+v", content, *e)
			}
		}
	})
}
