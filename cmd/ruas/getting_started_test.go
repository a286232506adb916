package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGettingStarted does what docs/getting-started.md tells its reader to do: it writes the files as they come, and compares what each
// command in a console block prints with the page. -update writes it there.
func TestGettingStarted(t *testing.T) {
	page, err := filepath.Abs("../../docs/getting-started.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	step := regexp.MustCompile("(?s)`([\\w.-]+)`:\n\n```[\\w ]+\n(.*?)```\n|```console\n(.*?)```\n")
	files, commands := map[string]string{}, 0
	written := step.ReplaceAllStringFunc(string(text), func(found string) string {
		parts := step.FindStringSubmatch(found)
		if name := parts[1]; name != "" {
			files[name] = parts[2]
			return found
		}
		var shown strings.Builder
		for line := range strings.Lines(parts[3]) {
			if command, ok := strings.CutPrefix(line, "$ ruas "); ok {
				commands++
				shown.WriteString(line + printed(t, files, strings.TrimSpace(command)))
			}
		}
		return "```console\n" + shown.String() + "```\n"
	})
	if commands < 5 {
		t.Errorf("the page has %d commands", commands)
	}
	if written == string(text) {
		return
	}
	if !*update {
		t.Fatalf("docs/getting-started.md is out of date: -update writes\n%s", written)
	}
	if err := os.WriteFile(page, []byte(written), 0o600); err != nil {
		t.Fatal(err)
	}
}

// printed is what a command prints on both streams. It may end in jq -c '[.a, .b]', of changes.
func printed(t *testing.T, files map[string]string, command string) string {
	t.Helper()
	command, fields, picked := strings.Cut(command, " | jq -c '[")
	_, out, message := ruas(t, files, nil, strings.Fields(command)...)
	if !picked {
		return message + out
	}
	var shown bytes.Buffer
	for line := range strings.Lines(out) {
		var change map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &change); err != nil {
			t.Fatal(err)
		}
		var values []string
		for _, field := range strings.Split(strings.TrimSuffix(fields, "]'"), ", ") {
			values = append(values, string(change[strings.TrimPrefix(field, ".")]))
		}
		shown.WriteString("[" + strings.Join(values, ",") + "]\n")
	}
	return message + shown.String()
}
