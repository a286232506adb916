package plan

import (
	"maps"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/rule"
)

// compiler turns the checked expressions of a set into a Plan.
type compiler struct {
	p        *Plan
	schema   *event.Schema
	env      *cel.Env
	lateness int64
	features map[string]*rule.Feature
	segments map[string]int
	series   map[string]*series
	accs     map[string]*acc
	attrs    map[string]int

	// Of the expression that is being compiled:
	source   *rule.Expr
	at       int64 // the node, of its AST, that is being compiled
	uses     *uses
	warnings rule.Errors

	reads []*reads    // of all operands, to be resolved when everything has its place
	errs  rule.Errors // what was refused so far

	// again is a finished plan, of which an expression is compiled once more: nothing but what it keeps has a place. nil: the plan is
	// being made.
	again *Plan
	// short is the least number of events of which the plan keeps fewer than the expression asks for; feature.All: it keeps them all.
	short int
}

// uses is what an expression reads, beside the moment.
type uses struct {
	series   map[int]bool
	attrs    map[int]bool
	segments map[int]bool
	accs     map[int]bool
	features map[string]bool
	needs    map[int][]need       // by series
	columns  map[int]map[int]bool // by series
}

func newUses() *uses {
	return &uses{
		series: map[int]bool{}, attrs: map[int]bool{}, segments: map[int]bool{}, accs: map[int]bool{}, features: map[string]bool{},
		needs: map[int][]need{}, columns: map[int]map[int]bool{},
	}
}

// merge adds all that another expression reads.
func (u *uses) merge(o *uses) {
	u.add(o)
	maps.Copy(u.series, o.series)
	maps.Copy(u.features, o.features)
}

func (u *uses) column(slot, i int) {
	if u.columns[slot] == nil {
		u.columns[slot] = map[int]bool{}
	}
	u.columns[slot][i] = true
}

// scope is what the variables of lambdas and comprehensions stand for.
type scope struct {
	outer *scope
	name  string
	typ   int       // bound to the event that is being taken in: its type
	event bool      // whether it is
	slot  int       // else the variable's place in Frame.vars
	rows  []*series // and, where its value is a row, the series that it may be of
}

func (s *scope) find(name string) *scope {
	for ; s != nil; s = s.outer {
		if s.name == name {
			return s
		}
	}
	return nil
}

// refusal is an error of the rules that the compiler finds; it travels as a panic inside this package only.
type refusal struct{ err *rule.Error }

// refuse gives up on what is being compiled: it cannot be kept in bounded state, or its next moment cannot be known.
func (c *compiler) refuse(format string, args ...any) {
	panic(refusal{c.source.Errorf(c.at, format, args...)})
}

// warn notes what is compiled, but hardly meant.
func (c *compiler) warn(format string, args ...any) {
	c.warnings = append(c.warnings, c.source.Errorf(c.at, format, args...))
}

// try compiles an expression; one that is refused is noted, so that the rest of the rules is looked at too.
func (c *compiler) try(e ast.Expr, sc *scope) (n node) {
	source, at := c.source, c.at
	defer func() {
		switch r := recover().(type) {
		case nil:
		case refusal:
			c.errs = append(c.errs, r.err)
			c.source, c.at = source, at
			n = constant(feature.Val{}, types.BoolType)
		default:
			panic(r)
		}
	}()
	return c.expr(e, sc)
}

func isCall(e ast.Expr, name string) bool {
	return e.Kind() == ast.CallKind && e.AsCall().FunctionName() == name
}

// isField tells whether e is name.field.
func isField(e ast.Expr, name, field string) bool {
	return e.Kind() == ast.SelectKind && !e.AsSelect().IsTestOnly() && e.AsSelect().FieldName() == field &&
		e.AsSelect().Operand().Kind() == ast.IdentKind && e.AsSelect().Operand().AsIdent() == name
}

// constIdent tells whether an identifier is a constant (the name of a type).
func (c *compiler) constIdent(e ast.Expr) bool {
	return c.typeOf(e).Kind() == types.TypeKind
}

func (c *compiler) typeOf(e ast.Expr) *types.Type { return c.source.AST.GetType(e.ID()) }

// newVar gives a variable a place in the frame.
func (c *compiler) newVar() int {
	c.p.vars++
	return c.p.vars - 1
}

// rowScope binds name to a row of a list.
func (c *compiler) rowScope(sc *scope, name string, l list) (slot int, in *scope) {
	slot = c.newVar()
	return slot, &scope{outer: sc, name: name, slot: slot, rows: l.sources()}
}

// eventNode compiles an expression over the event that is being taken in.
func (c *compiler) eventNode(typ int, name string, e ast.Expr) node {
	return c.expr(e, &scope{name: name, event: true, typ: typ})
}

// expr compiles an expression of any type but a list of events.
func (c *compiler) expr(e ast.Expr, sc *scope) node {
	outer := c.at
	c.at = e.ID()
	n := c.compile(e, sc)
	c.at = outer
	if n.typ == nil {
		n.typ = c.typeOf(e)
	}
	return n
}

func (c *compiler) compile(e ast.Expr, sc *scope) node {
	switch e.Kind() {
	case ast.LiteralKind:
		return constant(valOf(e.AsLiteral()), c.typeOf(e))
	case ast.IdentKind:
		return c.ident(e, sc)
	case ast.SelectKind:
		return c.selection(e, sc)
	case ast.CallKind:
		return c.call(e, sc)
	case ast.ListKind:
		return c.listLiteral(e, sc)
	case ast.MapKind:
		return c.mapLiteral(e, sc)
	case ast.ComprehensionKind:
		return c.comprehension(e, sc)
	}
	c.refuse("this kind of expression is not for rules")
	return node{}
}

func (c *compiler) ident(e ast.Expr, sc *scope) node {
	name := e.AsIdent()
	if b := sc.find(name); b != nil {
		if b.event {
			c.refuse("an event as a whole is no value here: choose among its fields, as in (c ? %s.amount : 0.0)", name)
		}
		slot := b.slot
		return node{rows: b.rows, safe: b.rows != nil, typ: c.typeOf(e), eval: func(f *Frame) feature.Val { return f.vars[slot] }}
	}
	switch name {
	case rule.VarNow, rule.HiddenNow:
		return node{
			safe: true,
			eval: func(f *Frame) feature.Val { return feature.OfMoment(f.now) },
			next: func(f *Frame) int64 { return f.now + 1 },
		}
	case rule.HiddenZone:
		c.zone()
		return node{safe: true, eval: func(f *Frame) feature.Val { return feature.OfString(f.location().String()) }}
	}
	if t := c.typeOf(e); t.Kind() == types.TypeKind {
		return constant(feature.OfObject(t.Parameters()[0]), t)
	}
	c.refuse("%s as a whole is no value: name one of its fields", name)
	return node{}
}

// zone notes that the expression depends on the customer's time zone.
func (c *compiler) zone() {
	if c.schema.Profile().Property(zoneAttribute) == nil {
		return
	}
	c.p.zoneAttr = c.attr(zoneAttribute)
}

const zoneAttribute = "time_zone"

// attr returns the slot of an attribute.
func (c *compiler) attr(name string) int {
	slot, ok := c.attrs[name]
	if !ok {
		c.making("attribute")
		slot = len(c.p.attrs)
		c.attrs[name] = slot
		prop := c.schema.Profile().Property(name)
		c.p.attrs = append(c.p.attrs, attrPlan{name: name, prop: prop.Index})
	}
	c.uses.attrs[slot] = true
	c.p.require(rule.VarProfile, name)
	return slot
}

func (c *compiler) selection(e ast.Expr, sc *scope) node {
	s := e.AsSelect()
	name, test := s.FieldName(), s.IsTestOnly()
	if op := s.Operand(); op.Kind() == ast.IdentKind {
		b := sc.find(op.AsIdent())
		switch {
		case b != nil && b.event:
			return c.eventField(b.typ, name, test)
		case b == nil && op.AsIdent() == rule.VarProfile:
			return c.attribute(name, test)
		case b == nil && op.AsIdent() == rule.VarFeature:
			return c.inlineFeature(name, test)
		}
	}
	of := c.expr(s.Operand(), sc)
	if of.rows != nil {
		read := c.rowField(of.rows, name)
		n := node{safe: of.safe && (test || c.always(of.rows[0].typ, name)), next: of.next, eval: func(f *Frame) feature.Val {
			r := of.eval(f)
			if r.K == feature.None {
				return feature.Val{}
			}
			v := read(f, row(r.N))
			if test {
				return feature.OfBool(v.K != feature.None)
			}
			return v
		}}
		return n
	}
	return c.mapField(&of, name, test)
}

// always tells whether every event of a type has the field.
func (c *compiler) always(typ int, name string) bool {
	switch name {
	case rule.FieldID, rule.FieldType, rule.FieldTime:
		return true
	}
	return c.schema.Types[typ].Property(name).Required
}

// eventField reads the event that is being taken in.
func (c *compiler) eventField(typ int, name string, test bool) node {
	if test {
		switch name {
		case rule.FieldID, rule.FieldType, rule.FieldTime:
			return constant(feature.OfBool(true), types.BoolType)
		}
		n := c.eventField(typ, name, false)
		return node{safe: true, typ: types.BoolType, eval: func(f *Frame) feature.Val {
			return feature.OfBool(n.eval(f).K != feature.None)
		}}
	}
	switch name {
	case rule.FieldID:
		return node{safe: true, typ: types.StringType, eval: func(f *Frame) feature.Val { return feature.OfString(f.ev.ID) }}
	case rule.FieldType:
		return node{safe: true, typ: types.StringType, eval: func(f *Frame) feature.Val { return feature.OfString(f.ev.Type.Name) }}
	case rule.FieldTime:
		return node{safe: true, typ: types.TimestampType, eval: func(f *Frame) feature.Val { return feature.OfMoment(f.ev.Time) }}
	}
	t := c.schema.Types[typ]
	prop := t.Property(name)
	c.p.require(t.Name, name)
	i := prop.Index
	n := node{safe: prop.Required, property: prop, typ: rule.KindType(prop.Kind), eval: func(f *Frame) feature.Val { return propVal(&f.ev.Props[i]) }}
	if !n.safe {
		n.missing = name
	}
	return n
}

// propVal is the value of a decoded property.
func propVal(v *event.Value) feature.Val {
	switch v.Kind {
	case event.String, event.Date:
		return feature.Val{K: feature.String, S: v.Str}
	case event.Int:
		return feature.Val{K: feature.Int, N: v.Num}
	case event.Double:
		return feature.Val{K: feature.Double, N: v.Num}
	case event.Bool:
		return feature.Val{K: feature.Bool, N: v.Num}
	case event.Moment:
		return feature.Val{K: feature.Moment, N: v.Num}
	case event.Strings:
		return feature.OfObject(v.List())
	}
	return feature.Val{}
}

func (c *compiler) attribute(name string, test bool) node {
	slot := c.attr(name)
	if test {
		return node{safe: true, eval: func(f *Frame) feature.Val {
			return feature.OfBool(f.state.attr(slot).Value.K != feature.None)
		}}
	}
	return node{eval: func(f *Frame) feature.Val { return f.state.attr(slot).Value }}
}

// inlineFeature compiles a feature where it is used: a value is an error exactly where the feature's is.
func (c *compiler) inlineFeature(name string, test bool) node {
	c.uses.features[name] = true
	of := c.within(c.features[name].Expr, func(e ast.Expr) node {
		if test && c.isEventList(e) {
			return c.count(c.eventList(e, nil), 1, c.canonical(e), nil) // whether it has a value: not how many
		}
		return c.expr(e, nil)
	})
	if !test {
		return of
	}
	return node{safe: true, next: of.next, eval: func(f *Frame) feature.Val {
		return feature.OfBool(of.eval(f).K != feature.None)
	}}
}

// within compiles another expression than the one at hand.
func (c *compiler) within(x *rule.Expr, do func(e ast.Expr) node) node {
	outer := c.source
	c.source = x
	n := do(x.AST.Expr())
	c.source = outer
	return n
}

// rowField reads a field of a kept event.
func (c *compiler) rowField(of []*series, name string) value {
	switch {
	case name == rule.FieldTime:
		return func(f *Frame, r row) feature.Val { return feature.OfMoment(f.time(r)) }
	case name == rule.FieldType && of[0].typ != anyType:
		v := feature.OfString(c.schema.Types[of[0].typ].Name)
		return func(*Frame, row) feature.Val { return v }
	}
	fac := ast.NewExprFactory()
	e := fac.NewSelect(0, fac.NewIdent(0, "e"), name)
	return c.columnOf(of, "e", e)
}

// columnOf reads what an expression over the event alone gave when the event was taken in.
func (c *compiler) columnOf(of []*series, name string, e ast.Expr) value {
	at := make([]int, len(of))
	for i, s := range of {
		at[i] = s.column(c, name, e)
	}
	if len(of) == 1 {
		col := at[0]
		return func(f *Frame, r row) feature.Val { return f.series(r.slot()).Value(r.index(), col) }
	}
	return func(f *Frame, r row) feature.Val {
		slot := r.slot()
		if n := len(f.open); slot >= n {
			slot = f.plan.accs[slot-n].base.slot
		}
		for i, s := range of {
			if s.slot == slot {
				return f.series(r.slot()).Value(r.index(), at[i])
			}
		}
		return feature.Val{}
	}
}

// rowColumn is columnOf as a node over a lambda's variable.
func (c *compiler) rowColumn(l list, name string, e ast.Expr, slot int) node {
	read := c.columnOf(l.sources(), name, e)
	n := c.eventNode(l.sources()[0].typ, name, e)
	return node{typ: n.typ, safe: n.safe, eval: func(f *Frame) feature.Val { return read(f, row(f.vars[slot].N)) }}
}
