package console

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
)

// The page works where there is no internet: everything that it names is its own.
func TestPageIsWhole(t *testing.T) {
	handler := Handler()
	load := func(path string) *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		if answer.Code != http.StatusOK {
			t.Errorf("%s: %d", path, answer.Code)
		}
		if answer.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s has no Content-Security-Policy", path)
		}
		return answer
	}
	page := load("/").Body.String()
	links := regexp.MustCompile(`(?:src|href)="([^"#]+)"`).FindAllStringSubmatch(page, -1)
	if len(links) < 3 {
		t.Fatalf("the page names only %d files", len(links))
	}
	for _, link := range links {
		load("/" + link[1])
	}
	for _, path := range []string{"/", "/app.js", "/style.css"} {
		if outside := regexp.MustCompile(`https?://\S+`).FindString(load(path).Body.String()); outside != "" {
			t.Errorf("%s names %s", path, outside)
		}
	}
}
