package event

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Every constant has its text, and the texts state the limits as they are.
func TestReasons(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	constants := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if id, ok := spec.Type.(*ast.Ident); ok && id.Name == "Reason" {
				value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				constants[value] = true
			}
		}
		return true
	})
	name := regexp.MustCompile(`^[a-z][a-z_]*$`)
	texts := map[Reason]string{}
	for _, r := range Reasons() {
		if texts[r.Reason] != "" {
			t.Errorf("%s is there twice", r.Reason)
		}
		if !constants[string(r.Reason)] || !name.MatchString(string(r.Reason)) || !strings.HasSuffix(r.Text, ".") {
			t.Errorf("%q: %q", r.Reason, r.Text)
		}
		texts[r.Reason] = r.Text
	}
	if len(texts) != len(constants) || len(constants) < 10 {
		t.Errorf("%d texts, %d constants", len(texts), len(constants))
	}
	if !strings.Contains(texts[ReasonDepth], "10,000") || MaxDepth != 10_000 || !strings.Contains(texts[ReasonSize], "1,048,576") || MaxRecord != 1_048_576 ||
		!strings.Contains(texts[ReasonField], "32,768") || MaxField != 32_768 {
		t.Error("a text states another limit than the code's")
	}
	if got := (&Reject{Reason: ReasonKey}).Error(); got != "key_mismatch" {
		t.Errorf("got %q", got)
	}
	if got := (&Reject{ReasonTime, "time: x"}).Error(); got != "bad_time: time: x" {
		t.Errorf("got %q", got)
	}
}
