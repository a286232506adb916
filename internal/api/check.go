package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/plan"
	"github.com/ruas/ruas/internal/rule"
)

const (
	maxFiles = 100
	// maxFile is the most bytes of a rule file that is compiled for whoever asks.
	maxFile = 256 << 10
)

// checkedJSON is what the compiler says.
type checkedJSON struct {
	OK       bool          `json:"ok"`
	Mistakes rule.Errors   `json:"mistakes"`
	Segments []checkedRule `json:"segments"`
}

type checkedRule struct {
	Name  string `json:"name"`
	State int    `json:"state_bytes"`
}

// check compiles rule files in the place of those in force. Nothing of them is kept.
func (s *server) check(w http.ResponseWriter, r *http.Request) {
	args := query(r)
	if args.bad(w, r) {
		return
	}
	var ask struct {
		Files map[string]*string `json:"files"`
	}
	if !body(w, r, &ask) {
		return
	}
	if n := len(ask.Files); n == 0 || n > maxFiles {
		fail(w, r, badRequest, "files holds from 1 to %d files, not %d", maxFiles, n)
		return
	}
	files := make(map[string][]byte, len(ask.Files))
	for name, text := range ask.Files {
		if text == nil || len(*text) > maxFile {
			fail(w, r, badRequest, "a file is a text of at most %d bytes", maxFile)
			return
		}
		files[name] = []byte(*text)
	}
	if !take(s.walks) {
		busy(w, r, "checks")
		return
	}
	defer give(s.walks)
	out := checkedJSON{Mistakes: rule.Errors{}, Segments: []checkedRule{}}
	report, err := compile(s.Schema, files)
	if err != nil {
		out.Mistakes = mistakes(err)
	} else {
		out.OK = true
		for i := range report.Segments {
			out.Segments = append(out.Segments, checkedRule{Name: report.Segments[i].Name, State: report.Segments[i].State.Typical})
		}
	}
	reply(w, out)
}

// mistakes are those that the compiler tells.
func mistakes(err error) rule.Errors {
	if list := (rule.Errors)(nil); errors.As(err, &list) {
		return list
	}
	return rule.Errors{{Message: err.Error()}}
}

func compile(schema *event.Schema, files map[string][]byte) (*plan.Report, error) {
	set, err := rule.Parse(schema, files)
	if err != nil {
		return nil, err
	}
	p, err := plan.New(set, plan.Options{})
	if err != nil {
		return nil, err
	}
	report := p.Report()
	return &report, nil
}

type typeJSON struct {
	Name        string         `json:"name"`
	Description string         `json:"description,omitempty"`
	Properties  []propertyJSON `json:"properties"`
}

type propertyJSON struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"`
	Description string   `json:"description,omitempty"`
	Required    bool     `json:"required,omitempty"`
	Values      []string `json:"values,omitempty"`
}

type featureJSON struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	Expression string `json:"expression"`
}

// schema says what rules may use.
func (s *server) schema(w http.ResponseWriter, r *http.Request) {
	args := query(r)
	if args.bad(w, r) {
		return
	}
	out := struct {
		Types    []typeJSON     `json:"types"`
		Profile  []propertyJSON `json:"profile"`
		Features []featureJSON  `json:"features"`
		Segments []string       `json:"segments"`
	}{Features: []featureJSON{}, Segments: []string{}}
	for _, t := range s.Schema.Types {
		if t == s.Schema.Profile() {
			out.Profile = properties(t)
			continue
		}
		out.Types = append(out.Types, typeJSON{Name: t.Name, Description: t.Description, Properties: properties(t)})
	}
	set := s.Engine().Plan().Set
	for _, f := range set.Features {
		out.Features = append(out.Features, featureJSON{Name: f.Name, Type: f.Type.String(), Expression: f.Expr.Source})
	}
	for _, g := range set.Segments {
		out.Segments = append(out.Segments, g.Name)
	}
	slices.SortFunc(out.Features, func(a, b featureJSON) int { return strings.Compare(a.Name, b.Name) })
	slices.Sort(out.Segments)
	reply(w, out)
}

var kindNames = map[event.Kind]string{
	event.String: "string", event.Int: "integer", event.Double: "number", event.Bool: "boolean",
	event.Moment: "moment", event.Date: "date", event.Strings: "strings",
}

func properties(t *event.Type) []propertyJSON {
	out := []propertyJSON{}
	for i := range t.Properties {
		p := &t.Properties[i]
		out = append(out, propertyJSON{Name: p.Name, Type: kindNames[p.Kind], Description: p.Description, Required: p.Required, Values: p.Enum})
	}
	return out
}

// doNotCompile answers that rules have mistakes: with the first in words, and with all of them.
func doNotCompile(w http.ResponseWriter, r *http.Request, list rule.Errors) {
	more := ""
	if len(list) > 1 {
		more = fmt.Sprintf(", and %d more", len(list)-1)
	}
	failWith(w, r, badRules, list, "%s:%d:%d: %.500s%s", list[0].File, list[0].Line, list[0].Column, list[0].Message, more)
}
