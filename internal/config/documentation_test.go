package config

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the files that tests compare with")

const page = "../../docs/configuration.md"

const intro = `# Configuration

<!-- Generated from internal/config: go generate ./internal/config -->

ruas reads one YAML file (` + "`ruas run -c ruas.yaml`" + `). Every key has a default, so that a file holds only what differs, and may be left out.
Every key is also an environment variable, which wins over the file: ` + "`kafka.brokers` is `RUAS_KAFKA_BROKERS`" + `. Lists are comma-separated
there. An unknown key, in the file or in a variable that begins with ` + "`RUAS_`" + `, is an error (but for those that Kubernetes sets for a
Service named ruas).

Durations are a whole number and a unit: ` + "`500ms`, `2s`, `30m`, `24h`, `30d`, `2w`" + `; a day is 24 hours. Files and folders are relative to the
configuration file's folder, or to the current one where there is no file. Passwords and tokens are never printed.
`

// TestDocumentation compares docs/configuration.md with the comments, tags and defaults of config.go.
func TestDocumentation(t *testing.T) {
	comments := fieldComments(t, "config.go")
	var b strings.Builder
	b.WriteString(intro)
	d := documentation{comments: comments, out: &b}
	d.top(reflect.ValueOf(Default()).Elem())
	for _, missing := range d.missing {
		t.Errorf("%s has no comment", missing)
	}
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Errorf("%s is out of date: run go generate ./internal/config", page)
	}
}

// fieldComments gives the comment of every field, by "Type.Field".
func fieldComments(t *testing.T, file string) map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	comments := map[string]string{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		declared, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if s, ok := declared.Type.(*ast.StructType); ok {
			for _, f := range s.Fields.List {
				for _, name := range f.Names {
					comments[declared.Name.Name+"."+name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
				}
			}
		}
		return true
	})
	return comments
}

type documentation struct {
	comments map[string]string
	out      *strings.Builder
	missing  []string
}

// top writes a table of the keys that stand alone, then a section for each group.
func (d *documentation) top(v reflect.Value) {
	d.out.WriteString("\n## Keys of their own\n\n")
	d.table(v, "")
	for i := range v.NumField() {
		f := v.Type().Field(i)
		switch {
		case f.Type.Kind() == reflect.Struct:
			d.section(v, i)
			d.table(v.Field(i), keyOf(f))
		case f.Type == reflect.TypeFor[[]Source]():
			d.section(v, i)
			d.out.WriteString("Default:\n\n```yaml\nsources:\n")
			for _, s := range v.Field(i).Interface().([]Source) {
				fmt.Fprintf(d.out, "  %s: {topic: %s}\n", s.Name, s.Topic)
			}
			d.out.WriteString("```\n\nAs `RUAS_SOURCES`: `{purchases: {topic: shop-purchases}, browsing: {optional: true}}`. Each source:\n\n")
			d.table(reflect.ValueOf(Source{}), "sources.NAME")
		}
	}
}

func (d *documentation) section(v reflect.Value, i int) {
	fmt.Fprintf(d.out, "\n## %s\n\n%s\n\n", keyOf(v.Type().Field(i)), d.comment(v.Type(), i))
}

func (d *documentation) comment(t reflect.Type, i int) string {
	name := t.Name() + "." + t.Field(i).Name
	text := d.comments[name]
	if text == "" {
		d.missing = append(d.missing, name)
	}
	return text
}

// table writes the keys of a struct that hold values, and those of structs within it, as one table.
func (d *documentation) table(v reflect.Value, path string) {
	d.out.WriteString("| key | default | meaning |\n| --- | --- | --- |\n")
	d.rows(v, path)
}

func (d *documentation) rows(v reflect.Value, path string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := join(path, keyOf(f))
		switch {
		case keyOf(f) == "-":
		case f.Type.Kind() == reflect.Struct:
			if path != "" {
				d.rows(v.Field(i), name)
			}
		case f.Type == reflect.TypeFor[[]Source]():
		default:
			meaning := d.comment(v.Type(), i)
			if list := choices(f); list != nil {
				meaning += " One of " + strings.ReplaceAll(strings.TrimPrefix("`"+strings.Join(list, "`, `")+"`", "``, "), "|", "\\|") + "."
			}
			fmt.Fprintf(d.out, "| `%s` | %s | %s |\n", name, written(v.Field(i)), meaning)
		}
	}
}

// written is a default as one would write it in the file.
func written(v reflect.Value) string {
	var text string
	switch x := v.Interface().(type) {
	case time.Duration:
		text = formatDuration(x)
	case []string:
		text = "[" + strings.Join(x, ", ") + "]"
	case map[string]string:
		text = "{}"
	default:
		text = fmt.Sprint(x)
	}
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}
