package docs

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestNamesInPages looks for the keys of the configuration and the metrics that pages, alerts and dashboards name.
func TestNamesInPages(t *testing.T) {
	keys := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\|").FindAllStringSubmatch(read(t, "configuration.md"), -1) {
		keys[row[1]] = true
	}
	groups := map[string]bool{} // kafka, and kafka.tls
	for key := range maps.Clone(keys) {
		for at := strings.LastIndex(key, "."); at > 0; at = strings.LastIndex(key[:at], ".") {
			keys[key[:at]] = true
			if !strings.Contains(key[:at], ".") {
				groups[key[:at]] = true
			}
		}
	}
	metrics := metricNames(t)
	if len(keys) < 50 || len(metrics) < 12 {
		t.Fatalf("%d keys and %d metrics", len(keys), len(metrics))
	}
	key := regexp.MustCompile("`((" + strings.Join(slices.Sorted(maps.Keys(groups)), "|") + `)\.[a-z_.]+)[` + "`:" + `]`)
	metric := regexp.MustCompile(`\bruas_[a-z_]+\b`)
	walk(t, func(path string) {
		watched := strings.Contains(path, "/prometheus/") || strings.Contains(path, "/grafana/")
		if filepath.Ext(path) != ".md" && !watched {
			return
		}
		text := read(t, path)
		for _, name := range metric.FindAllString(text, -1) {
			if !metrics[regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")] {
				t.Errorf("%s names the metric %s, which is not there", path, name)
			}
		}
		for _, m := range key.FindAllStringSubmatch(text, -1) {
			if !keys[m[1]] && filepath.Ext(m[1]) != ".go" && filepath.Ext(m[1]) != ".json" && filepath.Ext(m[1]) != ".yaml" {
				t.Errorf("%s names the key %s, which is not there", path, m[1])
			}
		}
	})
}

// TestTopicSettings compares the settings with which ruas makes its topics with those that operations.md tells to give them.
func TestTopicSettings(t *testing.T) {
	page := read(t, "operations.md")
	settings := regexp.MustCompile(`"([a-z.]+)": +kadm\.StringPtr\("([^"]+)"\)`).FindAllStringSubmatch(read(t, "../internal/kafka/topics.go"), -1)
	if len(settings) < 5 {
		t.Fatalf("%d settings were found", len(settings))
	}
	for _, s := range settings {
		if !strings.Contains(page, "`"+s[1]+"="+s[2]+"`") {
			t.Errorf("operations.md does not say %s=%s", s[1], s[2])
		}
	}
}

// metricNames are those that the sources may register: their namespace with what stands in quotes beside them, and with their subsystem before it.
func metricNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	walk(t, func(path string) {
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return
		}
		text := read(t, path)
		if !strings.Contains(text, "prometheus.") {
			return
		}
		prefixes := []string{"ruas_"}
		for _, m := range regexp.MustCompile(`Subsystem: +"([a-z]+)"`).FindAllStringSubmatch(text, -1) {
			prefixes = append(prefixes, "ruas_"+m[1]+"_")
		}
		for _, m := range regexp.MustCompile(`"(?:ruas_)?([a-z_]+)"`).FindAllStringSubmatch(text, -1) {
			for _, prefix := range prefixes {
				names[prefix+m[1]] = true
			}
		}
	})
	return names
}
