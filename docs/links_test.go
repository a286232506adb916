package docs

import (
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// TestLinks follows every relative link and anchor of every page in the repository, and every mention of a page in the program.
func TestLinks(t *testing.T) {
	followed := 0
	walk(t, func(path string) {
		if filepath.Ext(path) != ".md" {
			mentions(t, path)
			return
		}
		for _, target := range targets(read(t, path)) {
			place, err := url.Parse(target)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			if place.Scheme != "" || place.Host != "" {
				continue
			}
			followed++
			file := path
			if place.Path != "" {
				file = filepath.Join(filepath.Dir(path), place.Path)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: %s leads nowhere", path, target)
				continue
			}
			if place.Fragment != "" && (filepath.Ext(file) != ".md" || !anchors(read(t, file))[place.Fragment]) {
				t.Errorf("%s: %s leads to a page without that heading", path, target)
			}
		}
	})
	if followed < 150 {
		t.Errorf("%d links were followed", followed)
	}
}

// TestREADMEsAreLevel wants both languages to have the same sections, and to lead to the same places; pictures may differ.
func TestREADMEsAreLevel(t *testing.T) {
	english, indonesian := read(t, "../README.md"), read(t, "../README.id.md")
	places := func(page string) map[string]bool {
		all := map[string]bool{}
		for _, target := range targets(page) {
			if !strings.HasSuffix(target, ".png") && !strings.HasPrefix(target, "README") {
				all[target] = true
			}
		}
		return all
	}
	if a, b := places(english), places(indonesian); !maps.Equal(a, b) {
		t.Errorf("README.md leads to %v, README.id.md to %v", slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b)))
	}
	for _, part := range []string{"\n## ", "\n```", "\n- "} {
		if a, b := strings.Count(english, part), strings.Count(indonesian, part); a != b {
			t.Errorf("README.md has %d of %q, README.id.md %d", a, part, b)
		}
	}
}

// walk calls each for every file of the repository that is written by hand, with its path from here.
func walk(t *testing.T, each func(path string)) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		switch {
		case entry.IsDir() && (name == "vendor" || name == "node_modules" || name == "testdata" || name == "bin" || len(name) > 2 && name[0] == '.'):
			return filepath.SkipDir
		case !entry.IsDir():
			each(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

var (
	fence  = regexp.MustCompile("(?ms)^ *```.*?\\n *```$")
	code   = regexp.MustCompile("`[^`\n]*`")
	inline = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	html   = regexp.MustCompile(`<(?:img|a)[^>]* (?:src|href)="([^"]+)"`)
)

// targets are what a page's links and pictures lead to; code is none.
func targets(page string) []string {
	page = code.ReplaceAllString(fence.ReplaceAllString(page, ""), "`x`")
	var list []string
	for _, form := range []*regexp.Regexp{inline, html} {
		for _, m := range form.FindAllStringSubmatch(page, -1) {
			list = append(list, m[1])
		}
	}
	return list
}

// anchors are those of a page's headings, as GitHub makes them, and those that are set by hand.
func anchors(page string) map[string]bool {
	page = fence.ReplaceAllString(page, "")
	all := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^#{1,6} +(.*?) *#*$`).FindAllStringSubmatch(page, -1) {
		text := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(heading[1], "$1")
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, text)
		name := anchor
		for n := 1; all[name]; n++ {
			name = anchor + "-" + string(rune('0'+n))
		}
		all[name] = true
	}
	for _, set := range regexp.MustCompile(`<a (?:id|name)="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		all[set[1]] = true
	}
	return all
}

var mention = regexp.MustCompile(`\bdocs/[\w./-]+\.(?:md|yaml)(?:#[\w-]+)?`)

// mentions looks for pages that messages, comments and configurations name.
func mentions(t *testing.T, path string) {
	t.Helper()
	switch filepath.Ext(path) {
	case ".go", ".yaml", ".yml", ".js", ".html", ".sh", ".tpl":
	default:
		if filepath.Base(path) != "Makefile" {
			return
		}
	}
	for _, name := range mention.FindAllString(read(t, path), -1) {
		file, anchor, _ := strings.Cut(name, "#")
		file = filepath.Join("..", file)
		if _, err := os.Stat(file); err != nil {
			t.Errorf("%s names %s, which is not there", path, name)
		} else if anchor != "" && !anchors(read(t, file))[anchor] {
			t.Errorf("%s names %s: there is no such heading", path, name)
		}
	}
}
