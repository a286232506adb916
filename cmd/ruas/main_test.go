package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ruas/ruas/internal/config"
	"github.com/ruas/ruas/internal/rulefiles"
)

// ruas runs a command line in a folder of its own, with files in it, and gives its exit code and what it wrote.
func ruas(t *testing.T, files map[string]string, environ []string, args ...string) (code int, out, err string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var outBuffer, errBuffer bytes.Buffer
	code = execute(t.Context(), args, streams{strings.NewReader(files["stdin"]), &outBuffer, &errBuffer, environ})
	return code, outBuffer.String(), errBuffer.String()
}

func TestExitCodesAndMessages(t *testing.T) {
	good := "segments:\n  buyer: {when: purchase.size() > 0}\n"
	bad := "segments:\n  buyer: {when: purchas.size() > 0}\n"
	for _, c := range []struct {
		name    string
		files   map[string]string
		environ []string
		args    []string
		code    int
		message string // part of standard error
	}{
		{"no command", nil, nil, nil, exitUsage, "Available Commands:"},
		{"help", nil, nil, []string{"--help"}, exitFine, ""},
		{"help of a command", nil, nil, []string{"replay", "--help"}, exitFine, ""},
		{"no such command", nil, nil, []string{"rnu"}, exitUsage, `ruas: there is no command "rnu"; did you mean "run"?`},
		{"no such flag", nil, nil, []string{"run", "--fast"}, exitUsage, "ruas: unknown flag: --fast\nRun 'ruas run --help' for usage."},
		{"an argument too many", nil, nil, []string{"run", "x"}, exitUsage, `run takes no arguments, but was given "x"`},
		{"version", nil, nil, []string{"version"}, exitFine, ""},
		{"no files to replay", nil, nil, []string{"replay"}, exitUsage, "replay needs a file of events"},
		{"no partitions", nil, nil, []string{"replay", "--partitions", "0", "x"}, exitUsage, "want a number from 1"},
		{"an option without a value", nil, nil, []string{"replay", "--until", "", "x"}, exitUsage, "--until is empty"},
		{"a list without a value", nil, nil, []string{"replay", "--segments", "", "x"}, exitUsage, "--segments is empty"},
		{"no configuration", nil, nil, []string{"check", "-c", ""}, exitUsage, "--config is empty"},
		{"a source without a file", nil, nil, []string{"replay", "purchases="}, exitUsage, "purchases= names no file"},
		{"dead letters in place of events", map[string]string{"x.jsonl": "{}", "s.yaml": good}, nil,
			[]string{"replay", "--segments", "s.yaml", "--dead-letters", "./x.jsonl", "x.jsonl"}, exitUsage, "which is read"},
		{"dead letters in place of rules", map[string]string{"x.jsonl": "{}", "s.yaml": good}, nil,
			[]string{"replay", "--segments", ".", "--dead-letters", "s.yaml", "x.jsonl"}, exitUsage, "which is read"},
		{"no time", nil, nil, []string{"replay", "--until", "tomorrow", "x"}, exitUsage, `--until is "tomorrow"`},
		{"no such source", nil, nil, []string{"replay", "purchase=x"}, exitUsage, `no source "purchase" in the configuration; did you mean "purchases"?`},
		{"no such file", map[string]string{"segments/a.yaml": good}, nil, []string{"replay", "x"}, exitInput, "x"},
		{"no configuration", nil, nil, []string{"run", "-c", "ruas.yaml"}, exitInput, "there is no configuration file ruas.yaml"},
		{"a wrong configuration", map[string]string{"ruas.yaml": "clok: 1\n"}, nil, []string{"check", "-c", "ruas.yaml"}, exitInput, `did you mean "clock"?`},
		{"a wrong variable", nil, []string{"RUAS_CLOCK=x"}, []string{"check"}, exitInput, "RUAS_CLOCK"},
		{"good segments", map[string]string{"segments/a.yaml": good}, nil, []string{"check"}, exitFine, ""},
		{"segments of the configuration", map[string]string{"c/ruas.yaml": "segments: [mine]\n", "c/mine/a.yaml": good}, nil, []string{"check", "-c", "c/ruas.yaml"}, exitFine, ""},
		{"no folder for rules", map[string]string{"segments/a.yaml": good}, []string{"RUAS_HTTP_RULES=none"}, []string{"check"}, exitInput, "http.rules: there is no folder none"},
		{"no segments", nil, nil, []string{"check"}, exitInput, "segments"},
		{"bad segments", map[string]string{"a.yaml": bad}, nil, []string{"check", "a.yaml"}, exitInput, "a.yaml:2:"},
		{"no such format", nil, nil, []string{"check", "--format", "xml"}, exitUsage, "want table or json"},
		{"nobody to ask", nil, []string{"RUAS_HTTP_LISTEN=127.0.0.1:" + unusedPort(t)}, []string{"health"}, exitUnreachable, "refused"},
		{"no address to ask", nil, []string{"RUAS_HTTP_LISTEN=", "RUAS_ADMIN_LISTEN="}, []string{"health"}, exitUsage, "no address to ask"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, err := ruas(t, c.files, c.environ, c.args...)
			if code != c.code || !strings.Contains(err, c.message) || (c.message == "" && err != "") {
				t.Errorf("exit code %d, want %d\nout: %s\nerr: %s", code, c.code, out, err)
			}
		})
	}
}

// Where no folder can be made, as in a container with nothing but the program, the demo says so.
func TestDemoWithoutAFolderToWriteIn(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	code, _, message := ruas(t, nil, nil, "demo", "--listen=")
	if code != exitInput || !strings.Contains(message, "ruas: making a folder for rules: ") {
		t.Errorf("exit code %d, want %d\n%s", code, exitInput, message)
	}
}

func unusedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestHealthAsksTheRunningRuas(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, listen := range []string{":" + port, "0.0.0.0:" + port, "127.0.0.1:" + port} {
		if code, _, message := ruas(t, nil, []string{"RUAS_HTTP_LISTEN=" + listen}, "health"); code != exitFine {
			t.Errorf("%s: %d %s", listen, code, message)
		}
	}
	status = http.StatusServiceUnavailable
	if code, _, message := ruas(t, nil, []string{"RUAS_HTTP_LISTEN=:" + port}, "health"); code != exitUnreachable || !strings.Contains(message, "not ready") {
		t.Errorf("%d %s", code, message)
	}
}

func TestReplay(t *testing.T) {
	files := map[string]string{
		"segments/a.yaml": "segments:\n  buyer: {when: purchase.last(\"1h\").size() > 0}\n",
		"ruas.yaml":       "sources: {shop: {type: purchase, fields: {id: nr, customer_id: who.id, time: at}}}\n",
		"plain.jsonl":     `{"id":"e1","type":"purchase","customer_id":"c1","time":"2026-01-01T10:00:00Z","amount":1}` + "\nnonsense\n",
		"mapped.jsonl":    `{"nr":"e2","who":{"id":"c2"},"at":1767261600000,"amount":1}` + "\n", // 2026-01-01T10:00:00Z
		"stdin":           `{"id":"e3","type":"purchase","customer_id":"c3","time":"2026-01-01T10:00:00Z","amount":1}` + "\n",
	}
	times := func(out string) string {
		var list []string
		for line := range strings.Lines(out) {
			_, rest, _ := strings.Cut(line, `"customer_id":"`)
			customer, _, _ := strings.Cut(rest, `"`)
			_, rest, _ = strings.Cut(line, `"change":"`)
			change, _, _ := strings.Cut(rest, `"`)
			_, rest, _ = strings.Cut(line, `"time":"`)
			time, _, _ := strings.Cut(rest, `"`)
			list = append(list, customer+" "+change+" "+time)
		}
		return strings.Join(list, ", ")
	}
	check := func(wantCode int, wantOut, wantErr string, args ...string) {
		t.Helper()
		code, out, message := ruas(t, files, nil, append([]string{"replay"}, args...)...)
		if code != wantCode || times(out) != wantOut || !strings.Contains(message, wantErr) {
			t.Errorf("%v: exit code %d\nout: %s\nerr: %s", args, code, out, message)
		}
	}
	const c1 = "c1 join 2026-01-01T10:00:00.000Z"
	check(exitFine, c1, "plain.jsonl:2: ", "plain.jsonl")
	check(exitInput, c1, "1 line is no good", "--strict", "plain.jsonl")
	check(exitFine, c1+", c1 leave 2026-01-01T11:00:00.000Z", "", "--until", "2026-01-01T11:00:00Z", "plain.jsonl")
	check(exitFine, "c2 join 2026-01-01T10:00:00.000Z", "", "-c", "ruas.yaml", "shop=mapped.jsonl")
	check(exitFine, "c3 join 2026-01-01T10:00:00.000Z", "", "-")
	check(exitFine, c1, "", "--dead-letters", "dead.jsonl", "plain.jsonl")
	kept, err := os.ReadFile("dead.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(kept), `"file":"plain.jsonl","line":2`) || !strings.Contains(string(kept), `"record":"nonsense"`) {
		t.Errorf("dead letters: %s", kept)
	}
}

func TestDemoRulesAreTheStarterSegments(t *testing.T) {
	d, err := newDemoRules(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(d.engine.Segments()); n < 40 {
		t.Errorf("%d starter segments", n)
	}
	if err := d.close(streams{}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(d.own); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is left behind: %v", err)
	}
}

// TestSavedRulesWaitForTheNextStart saves a file in the folder of http.rules, which is empty at first: whoever starts then reads it.
func TestSavedRulesWaitForTheNextStart(t *testing.T) {
	code, _, message := ruas(t, map[string]string{
		"c/ruas.yaml": "segments: [fixed]\nhttp: {rules: mine}\n", "c/fixed/a.yaml": "segments:\n  buyer: {when: purchase.size() > 0}\n", "c/mine/.keep": "",
	}, nil, "check", "-c", "c/ruas.yaml")
	if code != exitFine {
		t.Fatal(message)
	}
	c, err := config.Load("c/ruas.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	before, err := compile(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := func(*rulefiles.File) error { return nil }
	done, err := before.files.Save(t.Context(), "often.yaml", []byte("segments:\n  often: {when: in_segment(\"buyer\") && purchase.size() > 9}\n"), seen)
	if err != nil || done.InForce {
		t.Fatalf("%+v, %v", done, err)
	}
	wrong := new(rulefiles.Wrong)
	if _, err := before.files.Save(t.Context(), "more.yaml", []byte("segments:\n  often: {when: purchase.size() > 9}\n"), seen); !errors.As(err, &wrong) {
		t.Errorf("of what was saved before nothing is known: %v", err)
	}
	after, err := compile(c, nil)
	if err != nil || len(after.engine.Segments()) != 2 || len(before.engine.Segments()) != 1 {
		t.Errorf("after a start: %v", err)
	}
	if other, err := compile(c, []string{"c/fixed"}); err != nil || other.files.Closed() == "" || len(other.engine.Segments()) != 1 {
		t.Errorf("other segments are given, and rules can be saved among them: %v", err)
	}
}

// TestWhereTheDemoSavesRules looks which files may be written.
func TestWhereTheDemoSavesRules(t *testing.T) {
	t.Chdir(t.TempDir())
	const text = "segments: {%s: {when: purchase.size() > 0}}"
	for name, content := range map[string]string{"one.yaml": fmt.Sprintf(text, "one"), "mine/two.yaml": fmt.Sprintf(text, "two")} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		paths   []string
		exposed bool
		want    string // files, with a star those that may be written
		open    bool
	}{
		{[]string{"one.yaml"}, false, "one.yaml", true},
		{[]string{"mine"}, false, "two.yaml*", true},
		{[]string{"one.yaml", "mine/"}, false, "one.yaml two.yaml*", true},
		{[]string{"one.yaml", "mine"}, true, "one.yaml two.yaml", false},
		{[]string{"one.yaml"}, true, "one.yaml", false},
	} {
		d, err := newDemoRules(c.paths, c.exposed)
		if err != nil {
			t.Fatal(err)
		}
		files, err := d.files.Files()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range files {
			name := files[i].Name
			if files[i].Writable {
				name += "*"
			}
			got = append(got, name)
		}
		if strings.Join(got, " ") != c.want || (d.files.Closed() == "") != c.open {
			t.Errorf("%v, exposed %v: %q, closed %q", c.paths, c.exposed, got, d.files.Closed())
		}
		if err := d.close(streams{}); err != nil {
			t.Error(err)
		}
	}
	if text, err := os.ReadFile("mine/two.yaml"); err != nil || len(text) == 0 {
		t.Errorf("the user's own folder did not stay: %v", err)
	}
}
