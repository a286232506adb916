package rule

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestGuide compiles every example of docs/rules.md: whole files, lines of expressions, those in tables, and those that are refused.
func TestGuide(t *testing.T) {
	content, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	s := schema(t)
	refused := func(file string) string {
		if _, err := Parse(s, map[string][]byte{"docs/rules.md": []byte(file)}); err != nil {
			return err.Error()
		}
		return ""
	}
	segment := func(expr string) string {
		return "segments:\n  a:\n    when: |\n      " + expr + "\n"
	}
	counts := map[string]int{}
	for _, block := range regexp.MustCompile("(?ms)^```(\\w[\\w ]*)\n(.*?)\n```").FindAllStringSubmatch(string(content), -1) {
		kind, text := block[1], block[2]
		counts[kind]++
		if kind == "yaml" {
			if why := refused(text); why != "" {
				t.Errorf("%s\nis refused:\n%s", text, why)
			}
			continue
		}
		for line := range strings.Lines(text) {
			if why := refused(segment(strings.TrimSpace(line))); (why != "") != (kind == "cel refused") {
				t.Errorf("%s: in a block of %s, and this is said: %s", line, kind, why)
			}
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| .* \\| .* \\| `(.*)` \\|$").FindAllStringSubmatch(string(content), -1) {
		counts["row"]++
		if why := refused(segment(row[1])); why != "" {
			t.Errorf("%s\nis refused:\n%s", row[1], why)
		}
	}
	if counts["yaml"] < 3 || counts["cel"] < 7 || counts["cel refused"] != 1 || counts["row"] < 20 {
		t.Errorf("the guide has %v examples", counts)
	}
	for name, usage := range functionUsage {
		if strings.HasPrefix(name, "get") || usage == "" {
			continue
		}
		if expr := usage + " == " + usage; name != "in_segment" && strings.Contains(refused(segment(expr)), "there is no") {
			t.Errorf("the usage of %s does not compile: %s", name, usage)
		}
	}
}
