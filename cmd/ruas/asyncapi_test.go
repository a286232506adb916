package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/ruas/ruas/internal/config"
	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/pipeline"
	"github.com/ruas/ruas/subscribe"
)

// asyncapi is docs/asyncapi.yaml.
type asyncapi struct {
	file string
	root map[string]any
}

func readAsyncAPI(t *testing.T) *asyncapi {
	t.Helper()
	a := &asyncapi{file: filepath.Join("..", "..", "docs", "asyncapi.yaml")}
	text, err := os.ReadFile(a.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &a.root); err != nil {
		t.Fatal(err)
	}
	return a
}

// at gives what a path leads to, over references.
func (a *asyncapi) at(t *testing.T, path ...string) map[string]any {
	t.Helper()
	node := a.root
	for _, name := range path {
		next, ok := node[name].(map[string]any)
		if !ok {
			t.Fatalf("%s has no %s", a.file, strings.Join(path, "/"))
		}
		var err error
		if node, err = a.resolve(next); err != nil {
			t.Fatal(err)
		}
	}
	return node
}

// resolve gives what a reference leads to: within the document, or to a whole file.
func (a *asyncapi) resolve(node map[string]any) (map[string]any, error) {
	ref, ok := node["$ref"].(string)
	if !ok {
		return node, nil
	}
	path, within := strings.CutPrefix(ref, "#/")
	if !within {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(a.file), ref))
		if err != nil {
			return nil, err
		}
		var schema map[string]any
		return schema, json.Unmarshal(text, &schema)
	}
	to := a.root
	for name := range strings.SplitSeq(path, "/") {
		if to, ok = to[name].(map[string]any); !ok {
			return nil, fmt.Errorf("%s leads nowhere", ref)
		}
	}
	return to, nil
}

// walk visits every object of the document.
func walk(node any, visit func(map[string]any)) {
	switch n := node.(type) {
	case map[string]any:
		visit(n)
		for _, v := range n {
			walk(v, visit)
		}
	case []any:
		for _, v := range n {
			walk(v, visit)
		}
	}
}

// check holds a value of JSON to a schema. It knows the keywords that the document uses, and fails on others.
func (a *asyncapi) check(schema map[string]any, v any, at string) error {
	schema, err := a.resolve(schema)
	if err != nil {
		return err
	}
	object, isObject := v.(map[string]any)
	text, isText := v.(string)
	list, isList := v.([]any)
	number, isNumber := v.(float64)
	_, isBool := v.(bool)
	properties, _ := schema["properties"].(map[string]any)
	bad := func(format string, args ...any) error { return fmt.Errorf(at+": "+format, args...) }
	for keyword, value := range schema {
		switch keyword {
		case "$schema", "title", "description", "x-ruas-type":
		case "type":
			is := map[any]bool{
				"object": isObject, "array": isList, "string": isText, "number": isNumber, "boolean": isBool, "integer": isNumber && number == float64(int64(number)),
			}
			if !is[value] {
				return bad("%v is no %v", v, value)
			}
		case "allOf":
			for _, s := range value.([]any) {
				if err := a.check(s.(map[string]any), v, at); err != nil {
					return err
				}
			}
		case "properties":
			for name, s := range properties {
				if p, ok := object[name]; ok {
					if err := a.check(s.(map[string]any), p, at+"."+name); err != nil {
						return err
					}
				}
			}
		case "required":
			for _, name := range value.([]any) {
				if _, ok := object[name.(string)]; !ok {
					return bad("%v is missing", name)
				}
			}
		case "additionalProperties":
			others, _ := value.(bool)
			for name := range object {
				if properties[name] == nil && !others {
					return bad("%s is not in the document", name)
				}
			}
		case "propertyNames":
			for name := range object {
				if err := a.check(value.(map[string]any), name, at+"."+name); err != nil {
					return err
				}
			}
		case "items":
			for i, item := range list {
				if err := a.check(value.(map[string]any), item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
					return err
				}
			}
		case "uniqueItems":
			seen := map[any]bool{}
			for _, item := range list {
				seen[item] = true
			}
			if len(seen) < len(list) {
				return bad("%v repeats itself", v)
			}
		case "enum":
			if !slices.Contains(value.([]any), v) {
				return bad("%v is none of %v", v, value)
			}
		case "pattern":
			if ok, err := regexp.MatchString(value.(string), text); err != nil || !ok {
				return bad("%q is not like %v", text, value)
			}
		case "minLength":
			if utf8.RuneCountInString(text) < value.(int) {
				return bad("%q is too short", text)
			}
		case "minimum":
			if number < float64(value.(int)) {
				return bad("%v is too little", v)
			}
		case "format":
			layout := map[any]string{"date-time": time.RFC3339, "date": time.DateOnly}[value]
			if _, err := time.Parse(layout, text); err != nil {
				return bad("%w", err)
			}
		default:
			return bad("the test does not know %s", keyword)
		}
	}
	return nil
}

// checkJSON holds a line of JSON to a schema.
func (a *asyncapi) checkJSON(schema map[string]any, line []byte) error {
	var v any
	if err := json.Unmarshal(line, &v); err != nil {
		return err
	}
	return a.check(schema, v, "value")
}

// TestAsyncAPITopics: the document has the topics of the default configuration and no others, and every reference leads somewhere.
func TestAsyncAPITopics(t *testing.T) {
	t.Parallel()
	a, c := readAsyncAPI(t), config.Default()
	want := map[string]bool{}
	for _, s := range c.Sources {
		want[s.Topic] = true
	}
	topics := reflect.ValueOf(c.Topics)
	for i := range topics.NumField() {
		want[topics.Field(i).String()] = true
	}
	got := map[string]bool{}
	for name := range a.at(t, "channels") {
		got[a.at(t, "channels", name)["address"].(string)] = true
	}
	if !maps.Equal(got, want) {
		t.Errorf("the document has topics %v, the configuration %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	used := map[string]bool{}
	walk(a.root, func(node map[string]any) {
		if _, err := a.resolve(node); err != nil {
			t.Error(err)
		}
		if ref, ok := node["$ref"].(string); ok {
			used[ref] = true
		}
	})
	for _, kind := range []string{"messages", "schemas", "messageTraits"} {
		for name := range a.at(t, "components", kind) {
			if !used["#/components/"+kind+"/"+name] {
				t.Errorf("nothing refers to components/%s/%s", kind, name)
			}
		}
	}
	for name := range a.at(t, "channels") {
		if !used["#/channels/"+name] {
			t.Errorf("no operation refers to channels/%s", name)
		}
	}
	files, err := filepath.Glob("../../schemas/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if !used["../schemas/"+filepath.Base(file)] {
			t.Errorf("nothing refers to %s", file)
		}
	}
}

// TestAsyncAPISources: each event type is a message of one source, with all of its properties.
func TestAsyncAPISources(t *testing.T) {
	t.Parallel()
	a := readAsyncAPI(t)
	schema, err := event.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]int{}
	for _, s := range config.Default().Sources {
		for name := range a.at(t, "channels", s.Name, "messages") {
			in[name]++
		}
	}
	for _, typ := range schema.Types {
		if in[typ.Name] != 1 {
			t.Errorf("%s is a message of %d sources", typ.Name, in[typ.Name])
			continue
		}
		delete(in, typ.Name)
		properties := map[string]bool{}
		for _, part := range a.at(t, "components", "messages", typ.Name)["payload"].(map[string]any)["allOf"].([]any) {
			s, err := a.resolve(part.(map[string]any))
			if err != nil {
				t.Fatal(err)
			}
			if of, ok := s["x-ruas-type"]; ok && of != typ.Name {
				t.Errorf("%s refers to a schema of %v", typ.Name, of)
			}
			for name := range s["properties"].(map[string]any) {
				properties[name] = true
			}
		}
		for _, p := range typ.Properties {
			if !properties[p.Name] {
				t.Errorf("%s lacks %s", typ.Name, p.Name)
			}
		}
		if want := len(typ.Properties) + len([]string{"id", "type", "customer_id", "time"}); len(properties) != want {
			t.Errorf("%s has %d properties, want %d", typ.Name, len(properties), want)
		}
	}
	if len(in) > 0 {
		t.Errorf("no types: %v", in)
	}
}

// TestAsyncAPIRecords: what is published, what the public package writes and reads, and the document's own examples are as it says.
func TestAsyncAPIRecords(t *testing.T) {
	t.Parallel()
	a := readAsyncAPI(t)
	for name := range a.at(t, "components", "messages") {
		message := a.at(t, "components", "messages", name)
		examples, _ := message["examples"].([]any)
		for _, e := range examples {
			for _, part := range []string{"payload", "headers"} {
				value, ok := e.(map[string]any)[part]
				if !ok {
					continue
				}
				line, err := json.Marshal(value)
				if err == nil {
					err = a.checkJSON(message[part].(map[string]any), line)
				}
				if err != nil {
					t.Errorf("an example of %s: %v", name, err)
				}
			}
		}
	}

	folder := t.TempDir()
	files := map[string]string{
		"segments.yaml": `
features: {spend: "purchase.last('1d').sum(p, p.amount)", city: profile.city}
segments:
  plain: {when: purchase.last("1h").size() > 0}
  2_rich: {when: feature.spend > 1.5, include: [spend, city]}
`,
		"events.jsonl": `{"id":"e1","type":"purchase","customer_id":"c1","time":"2026-01-01T00:00:00Z","amount":2}
{"id":"e2","type":"purchase","customer_id":"c\u00e9 \"2\"","time":"2026-01-03T00:00:00.5+07:00","amount":3}
`,
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, message bytes.Buffer
	args := []string{"replay", "--segments", filepath.Join(folder, "segments.yaml"), "--until", "2026-02-01T00:00:00Z", filepath.Join(folder, "events.jsonl")}
	if code := execute(t.Context(), args, streams{nil, &out, &message, nil}); code != exitFine {
		t.Fatal(message.String())
	}
	change := a.at(t, "components", "schemas", "change")
	causes := map[string]int{}
	for line := range bytes.Lines(out.Bytes()) {
		if err := a.checkJSON(change, line); err != nil {
			t.Errorf("%v in %s", err, line)
		}
		c, err := subscribe.ParseChange(&subscribe.Record{Value: line})
		if err != nil {
			t.Error(err)
			continue
		}
		causes[c.Cause]++
		again, err := json.Marshal(c)
		if err != nil || !sameKeys(line, again) {
			t.Errorf("package subscribe makes %s of %s, %v", again, line, err)
		}
	}
	if causes["event"] != 4 || causes["time"] != 4 {
		t.Errorf("causes %v: the test proves nothing\n%s", causes, out.String())
	}
	if err := a.checkJSON(change, []byte(`{"id":"x"}`)); err == nil {
		t.Error("a change without anything is one")
	}

	membership, err := json.Marshal(subscribe.Membership{CustomerID: "c1", Segments: []string{"plain"}, Time: time.Date(2026, 1, 1, 0, 0, 0, 123e6, time.UTC)})
	if err == nil {
		err = a.checkJSON(a.at(t, "components", "schemas", "membership"), membership)
	}
	request, e := json.Marshal(pipeline.ForgetRequest{ID: "r1", Customer: "c1", RequestedAt: "2026-01-01T00:00:00Z"})
	if e == nil {
		e = a.checkJSON(a.at(t, "components", "schemas", "forget"), request)
	}
	if err := errors.Join(err, e); err != nil {
		t.Error(err)
	}
}

// sameKeys tells whether an object has all the members of another.
func sameKeys(of, in []byte) bool {
	var a, b map[string]any
	if json.Unmarshal(of, &a) != nil || json.Unmarshal(in, &b) != nil {
		return false
	}
	for name, v := range a {
		if name != "time" && !reflect.DeepEqual(b[name], v) {
			return false
		}
	}
	return true
}

// TestAsyncAPIWords: the causes of changes, and the reasons and headers of dead letters.
func TestAsyncAPIWords(t *testing.T) {
	t.Parallel()
	a := readAsyncAPI(t)
	words := func(path ...string) map[string]bool {
		set := map[string]bool{}
		for _, w := range a.at(t, path...)["enum"].([]any) {
			set[w.(string)] = true
		}
		return set
	}
	causes := map[string]bool{}
	for c := engine.CauseEvent; c <= engine.CauseForget; c++ {
		causes[c.String()] = true
	}
	if got := words("components", "schemas", "change", "properties", "cause"); !maps.Equal(got, causes) {
		t.Errorf("causes %v, want %v", got, causes)
	}
	source, err := os.ReadFile("../../internal/event/reason.go")
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\tReason\w+ +Reason = "(\w+)"`).FindAllSubmatch(source, -1) {
		reasons[string(m[1])] = true
	}
	if got := words("components", "messages", "dead_letter", "headers", "properties", "reason"); len(reasons) < 10 || !maps.Equal(got, reasons) {
		t.Errorf("reasons %v, want %v", got, reasons)
	}
	headers := a.at(t, "components", "messages", "dead_letter", "headers", "properties")
	for _, name := range []string{
		pipeline.HeaderReason, pipeline.HeaderDetail, pipeline.HeaderTopic, pipeline.HeaderPartition, pipeline.HeaderOffset, pipeline.HeaderCut,
	} {
		if headers[name] == nil {
			t.Errorf("dead letters lack the header %s", name)
		}
	}
}
