package rule

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/suggest"
)

// Load reads rule files and checks them. The error is Errors where files could be read and hold mistakes, all of all files in one.
func Load(schema *event.Schema, paths []string) (*Set, error) {
	files, err := Read(paths)
	if err != nil {
		return nil, err
	}
	return Parse(schema, files)
}

// Read reads rule files: each path is a file, or a folder whose Files are read. The error is Errors where a folder holds none.
func Read(paths []string) (map[string][]byte, error) {
	files := map[string][]byte{}
	var errs Errors
	for _, path := range paths {
		names, err := Files(path)
		if err != nil {
			return nil, err
		}
		if len(names) == 0 {
			errs = append(errs, NoFiles(path))
		}
		for _, name := range names {
			content, err := os.ReadFile(name)
			if err != nil {
				return nil, fmt.Errorf("reading rules: %w", err)
			}
			files[name] = content
		}
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return files, nil
}

// NoFiles is the mistake of a folder without a rule file.
func NoFiles(folder string) *Error {
	return &Error{File: folder, Message: "there is no rule file in this folder: write one that ends in .yaml"}
}

// Files gives the rule files of a path, cleaned, so that a file named twice is read once: the path itself where it is a file, of a folder
// its *.yaml and *.yml files (not those of folders within, nor those that begin with a dot).
func Files(path string) ([]string, error) {
	path = filepath.Clean(path)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading rules: there is no file or folder %s", path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading rules: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("reading rules: %w", err)
	}
	var names []string
	for _, entry := range entries {
		name := filepath.Join(path, entry.Name())
		if ext := filepath.Ext(name); strings.HasPrefix(entry.Name(), ".") || ext != ".yaml" && ext != ".yml" {
			continue
		}
		// What a link leads to counts: Kubernetes mounts files as links.
		if info, err := os.Stat(name); err != nil || !info.IsDir() {
			names = append(names, name)
		}
	}
	return names, nil
}

// Parse checks rule files that are in memory: from each file's name, as messages show it, to its content. The error is Errors.
func Parse(schema *event.Schema, files map[string][]byte) (*Set, error) {
	l, err := newLoader(schema)
	if err != nil {
		return nil, err
	}
	l.read(files)
	return l.set()
}

func newLoader(schema *event.Schema) (*loader, error) {
	env, err := NewEnv(schema)
	if err != nil {
		return nil, fmt.Errorf("making the environment of rules: %w", err)
	}
	check, err := newExprChecker(env, schema)
	if err != nil {
		return nil, fmt.Errorf("making the environment of rules: %w", err)
	}
	return &loader{
		schema: schema, env: env, check: check, features: map[string]*declared{}, segments: map[string]*declared{},
		broken: map[string]bool{},
	}, nil
}

// read takes in what files declare, in the order of their names.
func (l *loader) read(files map[string][]byte) {
	for _, name := range sortedKeys(files) {
		all, errs := readFile(name, files[name])
		l.errs = append(l.errs, errs...)
		for _, d := range all {
			l.declare(d)
		}
	}
}

// set checks what was declared.
func (l *loader) set() (*Set, error) {
	set := &Set{Schema: l.schema}
	l.parse()
	l.checkFeatures(set)
	l.checkSegments(set)
	if len(l.errs) > 0 {
		return nil, l.errs.Sorted()
	}
	set.Hash = set.hash()
	return set, nil
}

// loader brings what files declare together, over all files.
type loader struct {
	schema             *event.Schema
	env                *Env
	check              *exprChecker
	errs               Errors
	features, segments map[string]*declared
	doubles            []*declared     // declared once more under a name that is taken
	broken             map[string]bool // features that have no type
}

// declare takes a feature or a segment in; of two with one name the first stays.
func (l *loader) declare(d *declared) {
	all, what := l.features, "feature"
	if d.segment != nil {
		all, what = l.segments, "segment"
	}
	if first := all[d.name]; first != nil {
		l.errs = append(l.errs, d.file.errorNode(d.key, fmt.Sprintf("the %s %s is already in %s", what, d.name, first.place()), ""))
		l.doubles = append(l.doubles, d)
		return
	}
	all[d.name] = d
}

// parse reads every expression, so that what each of them uses is known.
func (l *loader) parse() {
	l.check.featureNames, l.check.segmentNames = sortedKeys(l.features), sortedKeys(l.segments)
	for _, d := range l.features {
		l.parseDeclared(d)
	}
	for _, d := range l.segments {
		l.parseDeclared(d)
	}
	for _, d := range l.doubles {
		l.parseDeclared(d)
	}
}

func (l *loader) parseDeclared(d *declared) {
	if d.feature == nil {
		d.when, d.until = l.parseExpr(d.segment.When), l.parseExpr(d.segment.Until)
	} else if d.when = l.parseExpr(d.feature.Expr); d.when != nil {
		d.when.feature = d.name
	}
}

func (l *loader) parseExpr(x *Expr) *parsed {
	if x == nil {
		return nil
	}
	p, errs := l.check.parse(x)
	l.errs = append(l.errs, errs...)
	return p
}

// checkFeatures types the features in order of use. One that has a mistake, and one that is part of a circle, gets no type, and what uses
// it is checked as far as that goes.
func (l *loader) checkFeatures(set *Set) {
	uses := map[string][]reference{}
	for name, d := range l.features {
		if d.when != nil {
			uses[name] = known(d.when.features, l.features)
		}
	}
	for _, c := range circles(uses) {
		for _, name := range c.members {
			l.broken[name] = true
		}
		l.errs = append(l.errs, c.first.in.errorAt(c.first.id,
			fmt.Sprintf("the feature %s uses itself: %s", c.path[0], strings.Join(c.path, " → ")), ""))
		// Each member is declared before any is checked.
		for _, name := range c.members {
			l.addFeature(name, types.DynType)
		}
	}
	for name, refs := range uses {
		if l.broken[name] {
			delete(uses, name)
			continue
		}
		uses[name] = slices.DeleteFunc(refs, func(ref reference) bool { return l.broken[ref.name] })
	}
	for _, name := range ordered(uses, l.check.featureNames) {
		if l.broken[name] {
			l.checkExpr(l.features[name].when, kindFeature)
			continue
		}
		f := l.features[name].feature
		t := l.checkExpr(l.features[name].when, kindFeature)
		if t == nil {
			l.broken[name] = true
			t = types.DynType
		}
		f.Type = t
		l.addFeature(name, t)
		set.Features = append(set.Features, f)
	}
}

func (l *loader) addFeature(name string, t *types.Type) {
	// Names are unique here, and that is all that AddFeature asks.
	if err := l.env.AddFeature(name, t); err != nil {
		panic(err)
	}
}

// checkExpr gives the type of an expression, nil where it has a mistake.
func (l *loader) checkExpr(p *parsed, kind exprKind) *types.Type {
	if p == nil {
		return nil
	}
	for _, ref := range p.features {
		p.tainted = p.tainted || l.broken[ref.name]
	}
	t, errs := l.check.check(p, kind)
	l.errs = append(l.errs, errs...)
	if len(errs) > 0 || p.tainted {
		return nil
	}
	return t
}

func (l *loader) checkSegments(set *Set) {
	for _, name := range l.check.segmentNames {
		l.checkSegment(l.segments[name])
	}
	for _, d := range l.doubles {
		if d.segment != nil {
			l.checkSegment(d)
		} else {
			l.checkExpr(d.when, kindFeature)
		}
	}
	asks := l.asks()
	for _, c := range circles(asks) {
		l.errs = append(l.errs, c.first.in.errorAt(c.first.id,
			fmt.Sprintf("the segment %s asks for its own membership: %s", c.path[0], strings.Join(c.path, " → ")), ""))
	}
	for _, name := range ordered(asks, l.check.segmentNames) {
		set.Segments = append(set.Segments, l.segments[name].segment)
	}
}

func (l *loader) checkSegment(d *declared) {
	l.checkExpr(d.when, kindWhen)
	l.checkExpr(d.until, kindUntil)
	l.checkInclude(d)
}

// checkInclude wants features whose values a change can carry.
func (l *loader) checkInclude(d *declared) {
	for _, n := range d.include {
		f := l.features[n.Value]
		switch {
		case f == nil:
			l.errs = append(l.errs, d.file.errorNode(n, fmt.Sprintf("there is no feature %q", n.Value),
				suggest.Nearest(n.Value, l.check.featureNames)))
		case !l.broken[n.Value] && !sendable(f.feature.Type):
			l.errs = append(l.errs, d.file.errorNode(n, fmt.Sprintf("a change cannot carry the feature %s, which is %s: include numbers, texts, "+
				"true or false, moments, and lists or maps of them", n.Value, aType(f.feature.Type)), ""))
		}
	}
}

// sendable tells whether a change can carry a value of that type.
func sendable(t *types.Type) bool {
	switch t.Kind() {
	case types.ListKind:
		return sendableScalar(t.Parameters()[0])
	case types.MapKind:
		return sendableScalar(t.Parameters()[0]) && sendableScalar(t.Parameters()[1])
	default:
		return sendableScalar(t)
	}
}

func sendableScalar(t *types.Type) bool {
	switch t.Kind() {
	case types.BoolKind, types.IntKind, types.DoubleKind, types.StringKind, types.TimestampKind:
		return true
	default:
		return false
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
