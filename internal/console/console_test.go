package console

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func load(t *testing.T, path string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	answer := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodGet, path, nil)
	request.Header = header
	Handler().ServeHTTP(answer, request)
	return answer
}

// The page works where there is no internet: everything that it names is its own.
func TestPageIsWhole(t *testing.T) {
	links := map[string]*regexp.Regexp{
		".html": regexp.MustCompile(`(?:src|href)="([^"#]+)"`),
		".js":   regexp.MustCompile(`(?:from |import\(|src: |href: )"(\.?/?[\w./]+\.(?:js|css|svg))"`),
	}
	seen := map[string]bool{}
	var visit func(path string)
	visit = func(path string) {
		if seen[path] {
			return
		}
		seen[path] = true
		answer := load(t, path, nil)
		if answer.Code != http.StatusOK {
			t.Errorf("%s: %d", path, answer.Code)
			return
		}
		body := answer.Body.String()
		if answer.Header().Get("Content-Security-Policy") != policy {
			t.Errorf("%s comes without the policy", path)
		}
		if outside := regexp.MustCompile(`https?://[^\s"]+`).FindString(strings.ReplaceAll(body, "http://www.w3.org/2000/svg", "")); outside != "" && !strings.HasPrefix(path, "/vendor/") {
			t.Errorf("%s names %s", path, outside)
		}
		for suffix, pattern := range links {
			if strings.HasSuffix(path, suffix) && !strings.HasPrefix(path, "/vendor/") {
				for _, link := range pattern.FindAllStringSubmatch(body, -1) {
					visit("/" + strings.TrimPrefix(link[1], "./"))
				}
			}
		}
	}
	visit("/index.html")
	for path := range files() {
		if !seen[path] && path != "/" && !strings.HasSuffix(path, ".json") && !strings.HasSuffix(path, ".txt") {
			t.Errorf("nothing leads to %s", path)
		}
	}
}

// What the first view loads fits the budget: everything but the other pages, the plots, and the other languages.
func TestFirstViewIsSmall(t *testing.T) {
	later := []string{"/vendor/", "/segment.js", "/customer.js", "/operations.js", "/rules.js", "/editor.js", "/completions.js", "/rulefiles.js", "/saving.js", "/diff.js",
		"/confirm.js", "/study.js", "/effect.js", "/beside.js", "/letters.js", "/rule.js", "/metrics.js", "/id.json", "/index.html"}
	size := 0
	for path, f := range files() {
		if !slices.ContainsFunc(later, func(prefix string) bool { return strings.HasPrefix(path, prefix) }) {
			size += len(f.packed)
		}
	}
	if size > 100<<10 {
		t.Errorf("the first view is %d bytes", size)
	}
	t.Logf("the first view is %d bytes", size)
}

func TestFilesAreServed(t *testing.T) {
	plain := load(t, "/style.css", nil)
	packed := load(t, "/style.css", http.Header{"Accept-Encoding": {"br, gzip"}})
	if packed.Header().Get("Content-Encoding") != "gzip" || packed.Body.Len() >= plain.Body.Len() {
		t.Errorf("%d bytes as %q, plain %d", packed.Body.Len(), packed.Header().Get("Content-Encoding"), plain.Body.Len())
	}
	if again := load(t, "/style.css", http.Header{"If-None-Match": {plain.Header().Get("Etag")}}); again.Code != http.StatusNotModified {
		t.Errorf("the same file again: %d", again.Code)
	}
	if got := load(t, "/app.js", nil).Header().Get("Content-Type"); got != "text/javascript; charset=utf-8" {
		t.Errorf("a module is %q", got)
	}
	if got := load(t, "/../console.go", nil).Code; got != http.StatusNotFound {
		t.Errorf("what is not the page's: %d", got)
	}
	post := httptest.NewRecorder()
	Handler().ServeHTTP(post, httptest.NewRequest(http.MethodPost, "/", nil))
	if post.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", post.Code)
	}
}

// Every text that the page asks for is there in every language, with the same parameters.
func TestDictionaries(t *testing.T) {
	read := func(path string) map[string]string {
		var words map[string]string
		if err := json.Unmarshal(files()[path].plain, &words); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return words
	}
	english, indonesian := read("/en.json"), read("/id.json")
	parameter := regexp.MustCompile(`\{\w+\}`)
	named := func(text string) []string {
		all := parameter.FindAllString(text, -1)
		slices.Sort(all)
		return all
	}
	for _, key := range slices.Sorted(maps.Keys(english)) {
		other, ok := indonesian[key]
		if strings.HasSuffix(key, ".one") && !ok {
			continue // Indonesian has one form
		}
		if !ok {
			t.Errorf("there is no Indonesian %q", key)
		} else if !slices.Equal(named(english[key]), named(other)) {
			t.Errorf("%q: %q and %q have different parameters", key, english[key], other)
		}
	}
	for key := range indonesian {
		if _, ok := english[key]; !ok {
			t.Errorf("%q is only Indonesian", key)
		}
	}
	asked := regexp.MustCompile(`\bt\("([\w.]+)"[,)]`)
	for path, f := range files() {
		if !strings.HasSuffix(path, ".js") {
			continue
		}
		for _, key := range asked.FindAllStringSubmatch(string(f.plain), -1) {
			if english[key[1]] == "" && english[key[1]+".other"] == "" {
				t.Errorf("%s asks for %q, which no dictionary has", path, key[1])
			}
		}
	}
}
