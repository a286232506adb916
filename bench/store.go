package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// sample is one run of one program, or of one setting.
type sample struct {
	// Session is the start of the run of the bench that took it: figures of one session may be compared.
	Session string `json:"session"`
	Run     int    `json:"run"`
	// Values are in seconds, bytes, or numbers, as their names say.
	Values map[string]float64 `json:"values"`
	// Void says why the figures do not count; empty: they do.
	Void string `json:"void,omitempty"`
}

// results are all samples of a measure, as a file holds them.
type results struct {
	Measure  string                 `json:"measure"`
	Sessions map[string]environment `json:"sessions"`
	// Series are by program or setting, each in order of runs.
	Series map[string][]sample `json:"series"`
}

// store keeps results, a file a measure.
type store struct {
	folder      string
	session     string
	environment func() (environment, error)
	voids       []string
}

func openStore(folder, session string, environment func() (environment, error)) (*store, error) {
	return &store{folder: folder, session: session, environment: environment}, os.MkdirAll(folder, 0o755)
}

func (s *store) path(measure string) string { return filepath.Join(s.folder, measure+".json") }

// load gives a measure's results; none: empty ones.
func (s *store) load(measure string) (*results, error) {
	r := &results{Measure: measure, Sessions: map[string]environment{}, Series: map[string][]sample{}}
	text, err := os.ReadFile(s.path(measure))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("reading %s: %w", s.path(measure), err)
	}
	return r, nil
}

// add keeps a sample. The first of a series in a session takes the place of what earlier sessions left of it.
func (s *store) add(measure, series string, taken sample) error {
	r, err := s.load(measure)
	if err != nil {
		return err
	}
	taken.Session = s.session
	kept := slices.DeleteFunc(r.Series[series], func(old sample) bool { return old.Session != s.session || old.Run == taken.Run })
	r.Series[series] = append(kept, taken)
	if _, ok := r.Sessions[s.session]; !ok {
		if r.Sessions[s.session], err = s.environment(); err != nil {
			return err
		}
	}
	for session := range r.Sessions {
		if !r.uses(session) {
			delete(r.Sessions, session)
		}
	}
	if taken.Void != "" {
		s.voids = append(s.voids, fmt.Sprintf("%s, %s, run %d: %s", measure, series, taken.Run, taken.Void))
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(s.path(measure), append(text, '\n'), 0o600)
}

func (r *results) uses(session string) bool {
	for _, list := range r.Series {
		if slices.ContainsFunc(list, func(t sample) bool { return t.Session == session }) {
			return true
		}
	}
	return false
}
