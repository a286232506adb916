package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/rulefiles"
)

// yamlKinds are the media types that YAML goes by; the first one is that of RFC 9512.
var yamlKinds = []string{"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"}

type ruleFileJSON struct {
	Name     string `json:"name"`
	Text     string `json:"text"`
	Hash     string `json:"hash"`
	Writable bool   `json:"writable"`
}

func describeFile(f *rulefiles.File) ruleFileJSON {
	return ruleFileJSON{Name: f.Name, Text: string(f.Text), Hash: f.Hash, Writable: f.Writable}
}

// ruleFiles reads the files of rules, or answers why that cannot be.
func (s *server) ruleFiles(w http.ResponseWriter, r *http.Request) (files []rulefiles.File, ok bool) {
	args := query(r)
	if args.bad(w, r) {
		return nil, false
	}
	if s.Rules == nil {
		fail(w, r, notFound, "this server does not tell its files of rules")
		return nil, false
	}
	files, err := s.Rules.Files()
	if err != nil {
		s.fault(r, err)
		w.Header().Set("Retry-After", "5")
		fail(w, r, unavailable, "the files of rules cannot be read")
		return nil, false
	}
	return files, true
}

// rules tells all files.
func (s *server) rules(w http.ResponseWriter, r *http.Request) {
	files, ok := s.ruleFiles(w, r)
	if !ok {
		return
	}
	out := struct {
		Files    []ruleFileJSON `json:"files"`
		Writable bool           `json:"writable"`
		Why      string         `json:"why,omitempty"`
		Hash     string         `json:"hash"`
		Pending  bool           `json:"pending"`
	}{Files: make([]ruleFileJSON, len(files)), Why: s.Rules.Closed(), Hash: s.Engine().RulesHash(), Pending: s.Rules.Pending(files)}
	out.Writable = out.Why == ""
	for i := range files {
		out.Files[i] = describeFile(&files[i])
	}
	reply(w, out)
}

// ruleFile tells one.
func (s *server) ruleFile(w http.ResponseWriter, r *http.Request) {
	files, ok := s.ruleFiles(w, r)
	if !ok {
		return
	}
	name := r.PathValue("file")
	at := slices.IndexFunc(files, func(f rulefiles.File) bool { return f.Name == name })
	if at < 0 {
		fail(w, r, notFound, "there is no file of rules %.128q", name)
		return
	}
	w.Header().Set("ETag", tagOf(files[at].Hash))
	reply(w, describeFile(&files[at]))
}

func tagOf(hash string) string { return `"` + hash + `"` }

// saveRules compiles all rules with a file as it is sent, and writes it.
func (s *server) saveRules(w http.ResponseWriter, r *http.Request) {
	s.changeRules(w, r, "rules saved", func() (done rulefiles.Change, sent bool, err error) {
		text, sent := textBody(w, r, maxFile, yamlKinds...)
		if !sent {
			return done, false, nil
		}
		if !utf8.Valid(text) {
			fail(w, r, badRequest, "a file of rules is UTF-8")
			return done, false, nil
		}
		// Who hangs up meanwhile has saved all the same.
		done, err = s.Rules.Save(context.WithoutCancel(r.Context()), r.PathValue("file"), text, seen(r))
		return done, true, err
	})
}

// removeRules compiles the rules without a file, and removes it.
func (s *server) removeRules(w http.ResponseWriter, r *http.Request) {
	s.changeRules(w, r, "rules removed", func() (done rulefiles.Change, sent bool, err error) {
		done, err = s.Rules.Remove(context.WithoutCancel(r.Context()), r.PathValue("file"), seen(r))
		return done, true, err
	})
}

// changeRules answers a change, and notes it in the audit log. sent is false where change has answered.
func (s *server) changeRules(w http.ResponseWriter, r *http.Request, what string, change func() (done rulefiles.Change, sent bool, err error)) {
	args := query(r)
	if args.bad(w, r) {
		return
	}
	if s.Rules == nil {
		fail(w, r, notFound, "this server does not tell its files of rules")
		return
	}
	if !take(s.saves) {
		busy(w, r, "changes of rules")
		return
	}
	defer give(s.saves)
	done, sent, err := change()
	if !sent {
		return
	}
	if err != nil {
		s.unchanged(w, r, err)
		return
	}
	out := struct {
		File    string `json:"file"`
		Hash    string `json:"hash,omitempty"`
		Applied string `json:"applied"`
	}{done.Name, done.After, "at_restart"}
	if done.InForce {
		out.Applied = "now"
	}
	audit(s.Logger, r, what, zap.String("file", done.Name), zap.String("before", done.Before), zap.String("after", done.After), zap.String("applied", out.Applied))
	status := http.StatusOK
	if done.After != "" {
		w.Header().Set("ETag", tagOf(done.After))
	}
	if done.Before == "" {
		status = http.StatusCreated
		w.Header().Set("Location", "/v1/rules/"+url.PathEscape(done.Name))
	}
	write(w, status, "application/json", out)
}

// unchanged answers why rules were not changed.
func (s *server) unchanged(w http.ResponseWriter, r *http.Request, err error) {
	var (
		stale  *staleError
		wrong  *rulefiles.Wrong
		closed *rulefiles.Closed
		unfit  *rulefiles.Unfit
	)
	switch {
	case errors.As(err, &stale):
		fail(w, r, stale.kind, "%v", stale)
	case errors.Is(err, rulefiles.ErrChanged):
		fail(w, r, changedMeanwhile, "%v", err)
	case errors.Is(err, rulefiles.ErrNoFile):
		fail(w, r, notFound, "there is no file of rules %.128q", r.PathValue("file"))
	case errors.As(err, &wrong):
		doNotCompile(w, r, mistakes(wrong.Err))
	case errors.As(err, &closed):
		audit(s.Logger, r, "rules refused")
		fail(w, r, forbidden, "%v", closed)
	case errors.As(err, &unfit):
		fail(w, r, badRequest, "%v", unfit)
	default:
		audit(s.Logger, r, "rules failed")
		s.fault(r, err)
		w.Header().Set("Retry-After", "5")
		fail(w, r, unavailable, "the file could not be written")
	}
}

// staleError says that the request does not know what is there.
type staleError struct {
	kind problemType
	why  string
}

func (e *staleError) Error() string { return e.why }

// seen tells whether whoever asks knows what is to be replaced, by If-Match and If-None-Match. What is there is never replaced unseen.
func seen(r *http.Request) func(*rulefiles.File) error {
	match, none := r.Header.Values("If-Match"), r.Header.Values("If-None-Match")
	return func(is *rulefiles.File) error {
		switch {
		case is == nil && len(match) > 0:
			return &staleError{changedMeanwhile, "there is no such file: it was removed meanwhile, or If-Match is meant for another one"}
		case is == nil:
			return nil
		case names(none, is.Hash):
			return &staleError{changedMeanwhile, fmt.Sprintf("there is a file %s already", is.Name)}
		case len(match) == 0:
			return &staleError{unseen, fmt.Sprintf("there is a file %s: send If-Match with its ETag to replace it", is.Name)}
		case !names(match, is.Hash):
			return &staleError{changedMeanwhile, fmt.Sprintf("%s changed meanwhile: read it again", is.Name)}
		}
		return nil
	}
}

// names tells whether a list of ETags holds that of a text, or *. A proxy that packs answers makes tags weak; they name the text all the same.
func names(list []string, hash string) bool {
	for _, line := range list {
		for one := range strings.SplitSeq(line, ",") {
			if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == "*" || one == tagOf(hash) {
				return true
			}
		}
	}
	return false
}
