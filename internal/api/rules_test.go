package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ruas/ruas/internal/rulefiles"
)

const mine = "segments:\n  mine: {when: purchase.size() > 2}\n"

// ruleBench is a bench whose rules are in files: rules.yaml, which is read alone, and mine.yaml, which may be written.
func ruleBench(t *testing.T, change func(*Options)) (b *bench, folder string, used *atomic.Int32) {
	t.Helper()
	folder, used = t.TempDir(), new(atomic.Int32)
	for name, text := range map[string]string{"fixed/rules.yaml": rules, "mine/mine.yaml": mine} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder = filepath.Join(folder, "mine")
	b = newBench(t, func(o *Options) {
		files, err := rulefiles.Open(rulefiles.Options{
			Paths: []string{filepath.Join(folder, "../fixed")}, Folder: folder,
			Compile: func(files map[string][]byte) (func(context.Context), error) {
				_, err := compile(o.Schema, files)
				return func(context.Context) { used.Add(1) }, err
			},
		})
		if err == nil {
			_, err = files.Load()
		}
		if err != nil {
			t.Fatal(err)
		}
		o.Rules = files
		if change != nil {
			change(o)
		}
	})
	return b, folder, used
}

// read gives a file and its tag.
func (b *bench) read(t *testing.T, file string) (text, tag string) {
	t.Helper()
	got := b.ask(t, "GET", "/v1/rules/"+file, "")
	var f ruleFileJSON
	if err := json.Unmarshal([]byte(got.body), &f); err != nil || got.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s", file, got.StatusCode, got.body)
	}
	if got.Header.Get("ETag") != `"`+f.Hash+`"` {
		t.Errorf("%s: tag %s, hash %s", file, got.Header.Get("ETag"), f.Hash)
	}
	return f.Text, got.Header.Get("ETag")
}

func TestRulesAreRead(t *testing.T) {
	b, folder, _ := ruleBench(t, nil)
	ask := func() (out struct {
		Files             []ruleFileJSON
		Writable, Pending bool
		Why, Hash         string
	},
	) {
		if err := json.Unmarshal([]byte(b.ask(t, "GET", "/v1/rules", "").body), &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	got := ask()
	if len(got.Files) != 2 || !got.Writable || got.Pending || got.Why != "" || got.Hash != b.engine.RulesHash() {
		t.Fatalf("%+v", got)
	}
	if f := got.Files[0]; f.Name != "mine.yaml" || f.Text != mine || !f.Writable {
		t.Errorf("%+v", f)
	}
	if f := got.Files[1]; f.Name != "rules.yaml" || f.Text != rules || f.Writable {
		t.Errorf("%+v", f)
	}
	if text, _ := b.read(t, "rules.yaml"); text != rules {
		t.Errorf("rules.yaml: %s", text)
	}
	for _, name := range []string{"none.yaml", "..%2Ffixed%2Frules.yaml", "%2Fetc%2Fpasswd", ".."} {
		if got := b.ask(t, "GET", "/v1/rules/"+name, ""); got.StatusCode == http.StatusOK && strings.Contains(got.body, "text") {
			t.Errorf("%s: %s", name, got.body)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "mine.yaml"), []byte(mine+"# by hand\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got = ask(); !got.Pending || !strings.HasSuffix(got.Files[0].Text, "by hand\n") {
		t.Errorf("after it was edited: %+v", got)
	}
	none := newBench(t, nil)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		refusal(t, method+" without files", none.ask(t, method, "/v1/rules/a.yaml", "", "Content-Type", "application/yaml"), http.StatusNotFound, "does not tell")
	}
}

func TestRulesAreSaved(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	b, folder, used := ruleBench(t, func(o *Options) { o.Logger = zap.New(core) })
	put := func(file, text string, headers ...string) answer {
		return b.ask(t, "PUT", "/v1/rules/"+file, text, append([]string{"Content-Type", "application/yaml"}, headers...)...)
	}
	// New, replaced, removed.
	const loyal = "segments:\n  loyal: {when: in_segment(\"mine\") && feature.spend > 5.0}\n"
	got := put("loyal.yaml", loyal, "If-None-Match", "*")
	_, tag := b.read(t, "loyal.yaml")
	if got.StatusCode != http.StatusCreated || got.Header.Get("Location") != "/v1/rules/loyal.yaml" || got.Header.Get("ETag") != tag {
		t.Errorf("new: %d %v %s", got.StatusCode, got.Header, got.body)
	}
	if want := `{"file":"loyal.yaml","hash":` + tag + `,"applied":"now"}`; got.body != want {
		t.Errorf("new: %s, want %s", got.body, want)
	}
	refusal(t, "new once more", put("loyal.yaml", loyal, "If-None-Match", "*"), http.StatusPreconditionFailed, "already")
	refusal(t, "over what was not seen", put("loyal.yaml", loyal+"#"), http.StatusPreconditionRequired, "If-Match")
	refusal(t, "over what was not seen", b.ask(t, "DELETE", "/v1/rules/loyal.yaml", ""), http.StatusPreconditionRequired, "If-Match")
	refusal(t, "over another text", put("loyal.yaml", loyal+"#", "If-Match", `"0f"`), http.StatusPreconditionFailed, "changed meanwhile")
	refusal(t, "over what is gone", put("gone.yaml", loyal, "If-Match", `"0f"`), http.StatusPreconditionFailed, "no such file")
	got = put("loyal.yaml", loyal+"# two\n", "If-Match", `"0f", W/`+tag)
	if got.StatusCode != http.StatusOK || got.Header.Get("ETag") == tag || used.Load() != 2 {
		t.Errorf("replaced: %d %s, used %d times", got.StatusCode, got.body, used.Load())
	}
	refusal(t, "with the tag of before", put("loyal.yaml", loyal, "If-Match", tag), http.StatusPreconditionFailed, "changed meanwhile")
	// What others need.
	_, tag = b.read(t, "mine.yaml")
	refused := b.ask(t, "DELETE", "/v1/rules/mine.yaml", "", "If-Match", tag)
	refusal(t, "what others need", refused, http.StatusUnprocessableEntity, `loyal.yaml:2:`)
	if !strings.Contains(refused.body, `"mistakes":[{"file":"loyal.yaml","line":2,"column":`) {
		t.Errorf("the mistakes: %s", refused.body)
	}
	if got := b.ask(t, "DELETE", "/v1/rules/loyal.yaml", "", "If-Match", "*"); got.StatusCode != http.StatusOK || got.body != `{"file":"loyal.yaml","applied":"now"}` {
		t.Errorf("removed: %d %s", got.StatusCode, got.body)
	}
	refusal(t, "removed once more", b.ask(t, "DELETE", "/v1/rules/loyal.yaml", "", "If-Match", "*"), http.StatusNotFound, "no file of rules")
	refusal(t, "read alone", b.ask(t, "DELETE", "/v1/rules/rules.yaml", "", "If-Match", "*"), http.StatusForbidden, "not a file of the folder")

	before, _ := b.read(t, "mine.yaml")
	for name, c := range map[string]struct {
		file, text string
		status     int
		detail     string
	}{
		"a mistake":           {"mine.yaml", "segments:\n  mine: {when: purchse.size() > 2}\n", 422, "mine.yaml:2:16"},
		"a segment of others": {"x.yaml", "segments: {buyer: {when: purchase.size() > 2}}", 422, "is already in"},
		"no YAML":             {"x.yaml", "a: [", 422, "x.yaml:"},
		"no text":             {"x.yaml", "\xff\xfe", 400, "UTF-8"},
		"out of the folder":   {"..%2Fx.yaml", mine, 400, "letters, digits"},
		"an absolute path":    {"%2Ftmp%2Fx.yaml", mine, 400, "letters, digits"},
		"hidden":              {".x.yaml", mine, 400, "letters, digits"},
		"no rule file":        {"x.sh", mine, 400, "letters, digits"},
		"a zero":              {"x%00.yaml", mine, 400, "letters, digits"},
		"read alone":          {"rules.yaml", rules, 403, "not a file of the folder"},
		"long":                {"x.yaml", "#" + strings.Repeat("x", maxFile), 413, "at most 262144"},
		"very long":           {"x.yaml", "#" + strings.Repeat("x", 2*maxBody), 413, "at most"},
	} {
		var headers []string
		if c.file == "mine.yaml" {
			headers = []string{"If-Match", "*"}
		}
		refusal(t, name, put(c.file, c.text, headers...), c.status, c.detail)
	}
	refusal(t, "JSON", b.ask(t, "PUT", "/v1/rules/x.yaml", "{}", "Content-Type", "application/json"), http.StatusUnsupportedMediaType, "application/yaml")
	refusal(t, "a parameter", put("x.yaml?force=1", mine), http.StatusBadRequest, "no parameter")
	if after, _ := b.read(t, "mine.yaml"); after != before {
		t.Errorf("it changed: %s", after)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 {
		t.Errorf("in the folder are %v, %v", entries, err)
	}
	var audited []string
	for _, entry := range logs.All() {
		if entry.LoggerName == "audit" {
			at := entry.ContextMap()
			file, _ := at["file"].(string)
			audited = append(audited, entry.Message+" "+file)
		}
	}
	if got, want := strings.Join(audited, ", "), "rules saved loyal.yaml, rules saved loyal.yaml, rules removed loyal.yaml, rules refused , rules refused "; got != want {
		t.Errorf("audited %s", got)
	}
}

// TestWhoMaySaveRules wants the scope write.
func TestWhoMaySaveRules(t *testing.T) {
	b, _, used := ruleBench(t, func(o *Options) {
		for _, scope := range []Scope{ScopeRead, ScopeWrite, ScopeForget} {
			o.Access.Tokens = append(o.Access.Tokens, Token{Name: string(scope), SHA256: sha256.Sum256([]byte(scope)), Scopes: []Scope{scope}})
		}
	})
	for _, method := range []string{"PUT", "DELETE"} {
		for token, status := range map[string]int{"": 401, "read": 403, "forget": 403, "write": 428} {
			got := b.ask(t, method, "/v1/rules/mine.yaml", mine, "Authorization", "Bearer "+token, "Content-Type", "application/yaml")
			if got.StatusCode != status {
				t.Errorf("%s with %q: %d %s", method, token, got.StatusCode, got.body)
			}
		}
	}
	if got := b.ask(t, "GET", "/v1/rules", "", "Authorization", "Bearer write"); got.StatusCode != http.StatusForbidden {
		t.Errorf("reading with write alone: %d", got.StatusCode)
	}
	if used.Load() > 0 {
		t.Error("something was saved")
	}
}

// TestRebinding asks as a page does whose name was led to this machine's address.
func TestRebinding(t *testing.T) {
	b, _, _ := ruleBench(t, func(o *Options) { o.Access.Local = true })
	for host, allowed := range map[string]bool{
		"": true, "localhost:80": true, "127.0.0.1": true, "[::1]:8080": true, "::1": true, "evil.example": false, "localhost.evil.example:80": false, "127.0.0.1.evil.example": false,
	} {
		request, err := http.NewRequest(http.MethodPut, b.URL+"/v1/rules/mine.yaml", strings.NewReader(mine))
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		request.Header.Set("Content-Type", "application/yaml")
		got, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = got.Body.Close()
		want := http.StatusForbidden
		if allowed {
			want = http.StatusPreconditionRequired
		}
		if got.StatusCode != want {
			t.Errorf("%q: %d, want %d", host, got.StatusCode, want)
		}
	}
}

// TestOneSaveWins saves from many sides with the same tag.
func TestOneSaveWins(t *testing.T) {
	b, _, _ := ruleBench(t, nil)
	_, tag := b.read(t, "mine.yaml")
	var (
		all      sync.WaitGroup
		statuses sync.Map
		won      atomic.Int32
	)
	for range 8 {
		all.Go(func() {
			for {
				got := b.ask(t, "PUT", "/v1/rules/mine.yaml", mine+"# again\n", "Content-Type", "application/yaml", "If-Match", tag)
				if got.StatusCode == http.StatusServiceUnavailable {
					continue // as many as are allowed are under way
				}
				statuses.Store(got.StatusCode, true)
				if got.StatusCode == http.StatusOK {
					won.Add(1)
				}
				return
			}
		})
	}
	all.Wait()
	if _, stale := statuses.Load(http.StatusPreconditionFailed); won.Load() != 1 || !stale {
		t.Errorf("%d won", won.Load())
	}
}
