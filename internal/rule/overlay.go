package rule

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

// Overlay checks rule files that stand in the place of what the set declares under the same names; all else of the set stays as it is, and
// the files may use it. The error is Errors: mistakes may be in the set's own files too, where they no longer fit the new ones.
func (s *Set) Overlay(files map[string][]byte) (*Set, error) {
	l, err := newLoader(s.Schema)
	if err != nil {
		return nil, err
	}
	l.read(files)
	for _, f := range s.Features {
		if l.features[f.Name] == nil {
			l.declare(&declared{name: f.Name, key: keyNode(f.Name, f.Expr.Line), file: f.Expr.at.file, feature: &Feature{Name: f.Name, Expr: f.Expr.again()}})
		}
	}
	for _, g := range s.Segments {
		if l.segments[g.Name] != nil {
			continue
		}
		again := *g
		again.When, again.Until = g.When.again(), g.Until.again()
		d := &declared{name: g.Name, key: keyNode(g.Name, g.Line), file: g.When.at.file, segment: &again}
		for _, name := range g.Include {
			d.include = append(d.include, keyNode(name, g.Line))
		}
		l.declare(d)
	}
	return l.set()
}

// keyNode stands for a name in a file that was read before.
func keyNode(name string, line int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name, Line: line, Column: 1}
}

// again is the expression as it was before it was checked.
func (x *Expr) again() *Expr {
	if x == nil {
		return nil
	}
	return &Expr{Source: x.Source, File: x.File, Line: x.Line, Column: x.Column, at: x.at}
}

// Part returns the set that holds some of the segments and features, and what they need: the features that they use and the segments that
// they ask for. Its segments include nothing. Names that the set does not have are left out.
func (s *Set) Part(segments, features []string) *Set {
	var (
		keepSegments, keepFeatures = map[string]bool{}, map[string]bool{}
		useSegment, useFeature     func(name string)
		use                        = func(x *Expr) {
			if x == nil {
				return
			}
			p := &parsed{}
			p.findReferences(x.AST.Expr(), nil)
			for _, ref := range p.features {
				useFeature(ref.name)
			}
			for _, ref := range p.segments {
				useSegment(ref.name)
			}
		}
	)
	useSegment = func(name string) {
		i := slices.IndexFunc(s.Segments, func(g *Segment) bool { return g.Name == name })
		if i < 0 || keepSegments[name] {
			return
		}
		keepSegments[name] = true
		use(s.Segments[i].When)
		use(s.Segments[i].Until)
	}
	useFeature = func(name string) {
		i := slices.IndexFunc(s.Features, func(f *Feature) bool { return f.Name == name })
		if i < 0 || keepFeatures[name] {
			return
		}
		keepFeatures[name] = true
		use(s.Features[i].Expr)
	}
	for _, name := range segments {
		useSegment(name)
	}
	for _, name := range features {
		useFeature(name)
	}
	part := &Set{Schema: s.Schema}
	for _, f := range s.Features {
		if keepFeatures[f.Name] {
			part.Features = append(part.Features, f)
		}
	}
	for _, g := range s.Segments {
		if keepSegments[g.Name] {
			bare := *g
			bare.Include = nil
			part.Segments = append(part.Segments, &bare)
		}
	}
	part.Hash = part.hash()
	return part
}
