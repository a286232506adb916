package api

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed page.html
var pageText string

// pageHTML is the document for people. It has no scripts, and loads nothing.
var pageHTML = sync.OnceValue(func() []byte {
	text, err := renderPage()
	if err != nil {
		panic(fmt.Sprintf("openapi.yaml: %v", err)) // it is part of the program, and a test reads it
	}
	return text
})

func renderPage() ([]byte, error) {
	var doc openAPIDocument
	if err := yaml.Unmarshal(openAPI, &doc); err != nil {
		return nil, fmt.Errorf("reading the document: %w", err)
	}
	chapters, err := doc.chapters()
	if err != nil {
		return nil, err
	}
	page, err := template.New("page").Funcs(template.FuncMap{"prose": prose}).Parse(pageText)
	if err != nil {
		return nil, fmt.Errorf("reading the page: %w", err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, map[string]any{"Info": doc.Info, "Chapters": chapters}); err != nil {
		return nil, fmt.Errorf("writing the page: %w", err)
	}
	return out.Bytes(), nil
}

// prose makes paragraphs, with the little of Markdown that the document uses.
func prose(text string) template.HTML {
	var out strings.Builder
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		out.WriteString("<p>")
		for i, part := range strings.Split(template.HTMLEscapeString(paragraph), "`") {
			if i%2 == 1 {
				out.WriteString("<code>" + part + "</code>")
				continue
			}
			for j, piece := range strings.Split(part, "**") {
				if j%2 == 1 {
					piece = "<b>" + piece + "</b>"
				}
				out.WriteString(piece)
			}
		}
		out.WriteString("</p>")
	}
	return template.HTML(out.String()) //nolint:gosec // what is not a tag above was escaped, and the document is our own
}

func page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	_, _ = w.Write(pageHTML()) // whoever asked may be gone
}
