// Package rule owns what rule files say and what they may say: their YAML, the CEL environment of their expressions, types, the order in which
// features and segments depend on each other, what is refused, and the words in which mistakes are told. It yields checked expressions, and
// knows neither how they are evaluated nor how what they need is kept.
package rule

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/ruas/ruas/internal/event"
)

// Expr is a checked expression of a rule file.
type Expr struct {
	// Source is the expression as CEL sees it, after YAML's quoting and folding.
	Source string
	// File, Line and Column (from 1, in characters) are where it begins.
	File         string
	Line, Column int
	// AST is the checked tree, with types and references.
	AST *ast.AST

	at *places
}

// Errorf makes an Error that underlines the text of the node id of the expression's AST; an id without a place underlines it all. It is
// for those who find only after checking that they cannot evaluate an expression.
func (x *Expr) Errorf(id int64, format string, args ...any) *Error {
	t := newTokens(x.Source)
	start, stop := 0, len(t.runes)
	if node := findNode(x.AST.Expr(), id); node != nil {
		start, stop = t.span(x.AST.SourceInfo(), node)
	}
	return x.errorAt(start, stop, fmt.Sprintf(format, args...), "")
}

// Text returns the text of the node id of the expression's AST as the rule has it, on one line and without comments; the whole for an id
// without a place.
func (x *Expr) Text(id int64) string {
	t := newTokens(x.Source)
	start, stop := 0, len(t.runes)
	if node := findNode(x.AST.Expr(), id); node != nil {
		start, stop = t.span(x.AST.SourceInfo(), node)
	}
	var text strings.Builder
	end := -1
	for _, one := range t.list {
		if one.start < start || one.end > stop {
			continue
		}
		if end >= 0 && one.start > end && one.text != "." {
			text.WriteByte(' ')
		}
		text.WriteString(one.text)
		end = one.end
	}
	return text.String()
}

// errorAt makes an Error about the source's characters from start up to, not including, stop.
func (x *Expr) errorAt(start, stop int, message, suggestion string) *Error {
	line, column, end := x.at.span(start, stop)
	return x.at.file.errorAt(line, column, end, message, suggestion)
}

// Feature is a named value.
type Feature struct {
	Name string
	Expr *Expr
	// Type is the type of the value.
	Type *types.Type
}

// Segment says who belongs to it.
type Segment struct {
	Name, Title, Description string
	Tags                     []string
	// When is who joins; Until, nil where there is none, who leaves.
	When, Until *Expr
	// Include names the features sent along with each change, in the order to send them.
	Include []string
	// File and Line are where the name stands.
	File string
	Line int
}

// Set is what a folder of rule files says, checked.
type Set struct {
	Schema *event.Schema
	// Features holds each feature after those that it uses, else by name.
	Features []*Feature
	// Segments holds each segment after those that it asks for with in_segment, through features too, else by name. A feature that is only
	// sent along does not count: it is read when all segments are decided.
	Segments []*Segment
	// Hash is of the rules' meaning: names, expressions, until and include. It has 16 hexadecimal digits, and does not change with the
	// layout of files, with blanks, comments, titles or tags.
	Hash string
}

// hash is the digest of what the set means.
func (s *Set) hash() string {
	features := slices.Clone(s.Features)
	slices.SortFunc(features, func(a, b *Feature) int { return strings.Compare(a.Name, b.Name) })
	segments := slices.Clone(s.Segments)
	slices.SortFunc(segments, func(a, b *Segment) int { return strings.Compare(a.Name, b.Name) })
	h := sha256.New()
	for _, f := range features {
		hashFields(h, "feature", f.Name, f.Expr.canonical())
	}
	for _, g := range segments {
		hashFields(h, "segment", g.Name, g.When.canonical(), g.Until.canonical())
		hashFields(h, g.Include...)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// hashFields writes fields so that no two lists of fields give the same bytes.
func hashFields(w io.Writer, fields ...string) {
	fmt.Fprintf(w, "%d;", len(fields))
	for _, f := range fields {
		fmt.Fprintf(w, "%d:%s", len(f), f)
	}
}

// canonical is the expression without blanks and comments; "" for none.
func (x *Expr) canonical() string {
	if x == nil {
		return ""
	}
	t := newTokens(x.Source)
	words := make([]string, len(t.list))
	for i, one := range t.list {
		words[i] = one.text
	}
	return strings.Join(words, " ")
}
