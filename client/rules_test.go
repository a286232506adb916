package client

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
)

func TestRules(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		switch asked := r.Method + " " + r.URL.Path + " " + r.Header.Get("If-Match") + r.Header.Get("If-None-Match") + " " + string(text); asked {
		case "GET /v1/rules  ":
			fmt.Fprint(w, `{"files":[{"name":"a.yaml","text":"x","hash":"0f","writable":true}],"writable":true,"hash":"77","pending":true}`)
		case "GET /v1/rules/a.yaml  ":
			fmt.Fprint(w, `{"name":"a.yaml","text":"x","hash":"0f","writable":true}`)
		case `PUT /v1/rules/a.yaml "0f" segments: {}`, "PUT /v1/rules/b.yaml * segments: {}":
			if got := r.Header.Get("Content-Type"); got != "application/yaml" {
				t.Errorf("sent as %q", got)
			}
			fmt.Fprint(w, `{"file":"a.yaml","hash":"1f","applied":"now"}`)
		case `PUT /v1/rules/a.yaml "0e" segments: {}`:
			w.WriteHeader(http.StatusPreconditionFailed)
			fmt.Fprint(w, `{"status":412}`)
		case `PUT /v1/rules/a.yaml "0f" wrong`:
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, `{"status":422,"mistakes":[{"file":"a.yaml","line":1,"column":2,"end_column":3,"message":"m","suggestion":"s"}]}`)
		case `DELETE /v1/rules/a.yaml "0f" `:
			fmt.Fprint(w, `{"file":"a.yaml","applied":"at_restart"}`)
		default:
			t.Errorf("asked %q", asked)
		}
	})
	all, err := c.Rules(t.Context())
	if err != nil || !all.Pending || !all.Writable || len(all.Files) != 1 || all.Files[0] != (RuleFile{"a.yaml", "x", "0f", true}) {
		t.Errorf("%+v, %v", all, err)
	}
	if f, err := c.RuleFile(t.Context(), "a.yaml"); err != nil || f.Text != "x" {
		t.Errorf("%+v, %v", f, err)
	}
	if got, err := c.SaveRules(t.Context(), "a.yaml", "segments: {}", "0f"); err != nil || got.Hash != "1f" || !got.InForce() {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := c.SaveRules(t.Context(), "b.yaml", "segments: {}", ""); err != nil {
		t.Error(err)
	}
	if _, err := c.SaveRules(t.Context(), "a.yaml", "segments: {}", "0e"); !IsChanged(err) {
		t.Errorf("%v of a file that changed", err)
	}
	p := new(Problem)
	if _, err := c.SaveRules(t.Context(), "a.yaml", "wrong", "0f"); !errors.As(err, &p) || len(p.Mistakes) != 1 || p.Mistakes[0] != (Mistake{"a.yaml", 1, 2, 3, "m", "s"}) {
		t.Errorf("%+v", err)
	}
	if got, err := c.RemoveRules(t.Context(), "a.yaml", "0f"); err != nil || got.InForce() {
		t.Errorf("%+v, %v", got, err)
	}
}
