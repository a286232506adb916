package api

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed openapi.yaml
var openAPI []byte

// openAPIJSON is the document as JSON.
var openAPIJSON = sync.OnceValue(func() []byte {
	var doc any
	if err := yaml.Unmarshal(openAPI, &doc); err != nil {
		panic(fmt.Sprintf("openapi.yaml: %v", err)) // it is part of the program, and a test reads it
	}
	text, err := json.Marshal(doc)
	if err != nil {
		panic(fmt.Sprintf("openapi.yaml: %v", err))
	}
	return text
})

func document(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPIJSON()) // whoever asked may be gone
}

// operation is one method of one path, for the page.
type operation struct {
	Method, Path         string
	Summary, Description string
	Parameters           []parameter
	Responses            []response
}

type parameter struct{ Name, In, Description string }

type response struct{ Status, Description string }

// chapter is a tag with its operations.
type chapter struct {
	Name, Description string
	Operations        []operation
}

// document as the page reads it.
type openAPIDocument struct {
	Info struct {
		Title, Summary, Description string
	}
	Tags []struct {
		Name, Description string
	}
	Paths      yaml.Node
	Components struct {
		Parameters map[string]parameterYAML
		Responses  map[string]responseYAML
	}
}

type pathYAML struct {
	Parameters []parameterYAML
	Get        *operationYAML
	Post       *operationYAML
	Put        *operationYAML
	Delete     *operationYAML
}

type operationYAML struct {
	Tags                 []string
	Summary, Description string
	Parameters           []parameterYAML
	Responses            yaml.Node
}

type parameterYAML struct {
	Ref                   string `yaml:"$ref"`
	Name, In, Description string
}

type responseYAML struct {
	Ref         string `yaml:"$ref"`
	Description string
}

// chapters gives the operations by tag, in the order of the document.
func (d *openAPIDocument) chapters() ([]chapter, error) {
	out := make([]chapter, len(d.Tags))
	for i, t := range d.Tags {
		out[i] = chapter{Name: t.Name, Description: t.Description}
	}
	for i := 0; i+1 < len(d.Paths.Content); i += 2 {
		var path pathYAML
		if err := d.Paths.Content[i+1].Decode(&path); err != nil {
			return nil, fmt.Errorf("reading a path: %w", err)
		}
		for _, m := range []struct {
			method string
			is     *operationYAML
		}{{http.MethodGet, path.Get}, {http.MethodPost, path.Post}, {http.MethodPut, path.Put}, {http.MethodDelete, path.Delete}} {
			if m.is == nil {
				continue
			}
			op, err := d.operation(m.method, d.Paths.Content[i].Value, append(path.Parameters, m.is.Parameters...), m.is)
			if err != nil {
				return nil, err
			}
			for c := range out {
				if out[c].Name == m.is.Tags[0] {
					out[c].Operations = append(out[c].Operations, op)
				}
			}
		}
	}
	return out, nil
}

func (d *openAPIDocument) operation(method, path string, parameters []parameterYAML, is *operationYAML) (operation, error) {
	op := operation{Method: method, Path: path, Summary: is.Summary, Description: is.Description}
	for _, p := range parameters {
		if p.Ref != "" {
			p = d.Components.Parameters[lastPart(p.Ref)]
		}
		op.Parameters = append(op.Parameters, parameter{p.Name, p.In, p.Description})
	}
	for i := 0; i+1 < len(is.Responses.Content); i += 2 {
		var r responseYAML
		if err := is.Responses.Content[i+1].Decode(&r); err != nil {
			return op, fmt.Errorf("reading a response: %w", err)
		}
		if r.Ref != "" {
			r = d.Components.Responses[lastPart(r.Ref)]
		}
		op.Responses = append(op.Responses, response{is.Responses.Content[i].Value, r.Description})
	}
	return op, nil
}

func lastPart(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }
