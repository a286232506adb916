package docs

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
)

// pages are those that show rules and events to be copied. rules.md is compiled in internal/rule, line by line.
var pages = []string{
	"../README.md", "../README.id.md", "getting-started.md", "rules-by-example.md", "marketers-guide.md", "faq.md", "operations.md", "rules.md",
}

// TestRulesInPages compiles every rule file that the pages show: by itself or, where it asks for what is not in it, beside the starter
// segments, of which those of the same name are the page's.
func TestRulesInPages(t *testing.T) {
	starters := starterFiles(t)
	compiled := 0
	for _, page := range pages {
		s := schema(t, page)
		for _, text := range blocks(t, page, "yaml") {
			if !regexp.MustCompile(`(?m)^(segments|features):$`).MatchString(text) {
				continue
			}
			compiled++
			if _, err := rule.Parse(s, map[string][]byte{page: []byte(text)}); err == nil {
				continue
			}
			if _, err := rule.Parse(s, beside(t, starters, page, text)); err != nil {
				t.Errorf("%s shows\n%s\nwhich is refused:\n%v", page, text, err)
			}
		}
	}
	if compiled < 55 {
		t.Errorf("the pages show %d rule files", compiled)
	}
}

// TestEventsInPages decodes every event that the pages show.
func TestEventsInPages(t *testing.T) {
	decoded := 0
	for _, page := range pages {
		s := schema(t, page)
		decoder, err := event.NewDecoder(s, event.Source{}, event.Needs{})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range blocks(t, page, "json") {
			for line := range strings.Lines(text) {
				if !strings.HasPrefix(line, "{") || !strings.Contains(line, `"type":`) {
					continue
				}
				decoded++
				var ev event.Event
				if err := decoder.Decode([]byte(line), &ev); err != nil {
					t.Errorf("%s shows %s: %v", page, line, err)
				}
			}
		}
	}
	if decoded < 8 {
		t.Errorf("the pages show %d events", decoded)
	}
}

// schema holds the shipped types, and those that the page itself declares.
func schema(t *testing.T, page string) *event.Schema {
	t.Helper()
	var own []string
	for i, text := range blocks(t, page, "json") {
		if strings.Contains(text, `"x-ruas-type"`) {
			file := filepath.Join(t.TempDir(), fmt.Sprintf("%d.json", i))
			write(t, file, text)
			own = append(own, file)
		}
	}
	s, err := event.LoadSchema(own...)
	if err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	return s
}

// blocks are the contents of a page's fenced blocks of one kind.
func blocks(t *testing.T, page, kind string) []string {
	t.Helper()
	var list []string
	for _, block := range regexp.MustCompile("(?ms)^```"+kind+"\n(.*?)^```$").FindAllStringSubmatch(read(t, page), -1) {
		list = append(list, block[1])
	}
	return list
}

func starterFiles(t *testing.T) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("../segments/*.yaml")
	if err != nil || len(paths) < 14 {
		t.Fatalf("%d files of segments: %v", len(paths), err)
	}
	files := map[string][]byte{}
	for _, path := range paths {
		files[filepath.Base(path)] = []byte(read(t, path))
	}
	return files
}

// beside puts a page's rules among the starters, in place of those with the same names.
func beside(t *testing.T, starters map[string][]byte, page, text string) map[string][]byte {
	t.Helper()
	type file map[string]map[string]any
	var own file
	if err := yaml.Unmarshal([]byte(text), &own); err != nil {
		t.Fatalf("%s: %v\n%s", page, err, text)
	}
	files := map[string][]byte{page: []byte(text)}
	for name, content := range starters {
		var f file
		if err := yaml.Unmarshal(content, &f); err != nil {
			t.Fatal(err)
		}
		for kind, entries := range own {
			for entry := range entries {
				delete(f[kind], entry)
			}
		}
		left, err := yaml.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = left
	}
	return files
}

// family is the place of a table of segments in the marketer's guide.
var family = regexp.MustCompile(`(?s)<!-- segments: (\w+\.yaml) -->\n(.*?)<!-- end -->\n`)

// TestMarketersGuide compares the guide's tables with the starter segments: all families, each segment with what it needs.
func TestMarketersGuide(t *testing.T) {
	const page = "marketers-guide.md"
	files := starterFiles(t)
	set, err := rule.Parse(schema(t, page), files)
	if err != nil {
		t.Fatal(err)
	}
	needs := needsOf(set)
	text := read(t, page)
	written := family.ReplaceAllStringFunc(text, func(block string) string {
		parts := family.FindStringSubmatch(block)
		if files[parts[1]] == nil {
			t.Errorf("there is no %s, or it has two tables", parts[1])
		}
		delete(files, parts[1])
		table := tableOf(set, parts[1], needs)
		if table != parts[2] && !*update {
			t.Errorf("the table of %s is out of date (-update writes it)", parts[1])
		}
		return "<!-- segments: " + parts[1] + " -->\n" + table + "<!-- end -->\n"
	})
	if *update {
		write(t, page, written)
	}
	for name := range files {
		t.Errorf("%s has no table", name)
	}
	if n := len(set.Segments); n < 85 || n > 99 {
		t.Errorf("the guide, the README and others say that there are some ninety segments: there are %d", n)
	}
}

func tableOf(set *rule.Set, file string, needs map[string]string) string {
	list := slices.Clone(set.Segments)
	slices.SortFunc(list, func(a, b *rule.Segment) int { return a.Line - b.Line })
	var b strings.Builder
	b.WriteString("\n| segment | who | needs |\n| --- | --- | --- |\n")
	for _, s := range list {
		if filepath.Base(s.File) == file {
			fmt.Fprintf(&b, "| `%s` | **%s.** %s | %s |\n", s.Name, s.Title, s.Description, needs[s.Name])
		}
	}
	return b.String() + "\n"
}

// needsOf says of each segment what its rule reads, through features and other segments too: by the words of the expression.
func needsOf(set *rule.Set) map[string]string {
	sources := map[string]string{} // of features, by "feature.NAME", and of segments, by name
	for _, f := range set.Features {
		sources["feature."+f.Name] = f.Expr.Source
	}
	for _, s := range set.Segments {
		sources[s.Name] = s.When.Source
		if s.Until != nil {
			sources[s.Name] += " " + s.Until.Source
		}
	}
	var (
		text    = regexp.MustCompile(`"[^"]*"`)
		asked   = regexp.MustCompile(`in_segment\("(\w+)"\)`)
		same    = regexp.MustCompile(`"\d+[smhdw]", "(\w+)"\)`) // of both sides of a sequence
		feature = regexp.MustCompile(`feature\.\w+`)
		owner   = regexp.MustCompile(`\bprofile\.(\w+)`)
		value   = regexp.MustCompile(`(?:\b[a-z]|\.newest\(\))\.([a-z_]+)\b`)
		word    = regexp.MustCompile(`[a-z_]+`)
	)
	var gather func(source string, types, properties, attributes map[string]bool)
	gather = func(source string, types, properties, attributes map[string]bool) {
		for _, m := range asked.FindAllStringSubmatch(source, -1) {
			gather(sources[m[1]], types, properties, attributes)
		}
		for _, m := range same.FindAllStringSubmatch(source, -1) {
			properties[m[1]] = true
		}
		source = text.ReplaceAllString(source, "")
		for _, name := range feature.FindAllString(source, -1) {
			gather(sources[name], types, properties, attributes)
		}
		for _, m := range owner.FindAllStringSubmatch(source, -1) {
			attributes[m[1]] = true
		}
		for _, m := range value.FindAllStringSubmatch(source, -1) {
			properties[m[1]] = true
		}
		for _, w := range word.FindAllString(source, -1) {
			if w == "events" || w != "profile" && set.Schema.Type(w) != nil {
				types[w] = true
			}
		}
	}
	needs := map[string]string{}
	for _, s := range set.Segments {
		types, properties, attributes := map[string]bool{}, map[string]bool{}, map[string]bool{}
		gather(sources[s.Name], types, properties, attributes)
		var list []string
		for _, name := range slices.Sorted(maps.Keys(types)) {
			if name == "events" {
				list = append(list, "events of all types")
				continue
			}
			var of []string
			for _, p := range slices.Sorted(maps.Keys(properties)) {
				if set.Schema.Type(name).Property(p) != nil {
					of = append(of, p)
				}
			}
			if list = append(list, name); len(of) > 0 {
				list[len(list)-1] += " (" + strings.Join(of, ", ") + ")"
			}
		}
		if len(attributes) > 0 {
			list = append(list, "profile: "+strings.Join(slices.Sorted(maps.Keys(attributes)), ", "))
		}
		needs[s.Name] = strings.Join(list, "; ")
	}
	return needs
}
