package plan

import (
	"fmt"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// canon writes an expression so that equal texts mean equal things: variables of lambdas have the names that names gives them,
// else numbers in order of depth.
func canon(e ast.Expr, names map[string]string) string {
	var w canonWriter
	w.write(e, names, 0)
	return w.String()
}

type canonWriter struct{ strings.Builder }

func (w *canonWriter) write(e ast.Expr, names map[string]string, depth int) {
	switch e.Kind() {
	case ast.LiteralKind:
		w.literal(e.AsLiteral())
	case ast.IdentKind:
		if n, ok := names[e.AsIdent()]; ok {
			w.WriteString(n)
			return
		}
		w.WriteString(e.AsIdent())
	case ast.SelectKind:
		s := e.AsSelect()
		if s.IsTestOnly() {
			w.WriteString("has ")
		}
		w.write(s.Operand(), names, depth)
		w.WriteString("." + s.FieldName())
	case ast.CallKind:
		call := e.AsCall()
		w.WriteString(call.FunctionName() + "(")
		if call.IsMemberFunction() {
			w.write(call.Target(), names, depth)
			w.WriteString("; ")
		}
		w.list(call.Args(), names, depth)
		w.WriteString(")")
	case ast.ListKind:
		w.WriteString("[")
		w.list(e.AsList().Elements(), names, depth)
		w.WriteString("]")
	case ast.MapKind:
		w.WriteString("{")
		for _, entry := range e.AsMap().Entries() {
			w.write(entry.AsMapEntry().Key(), names, depth)
			w.WriteString(": ")
			w.write(entry.AsMapEntry().Value(), names, depth)
			w.WriteString(", ")
		}
		w.WriteString("}")
	case ast.ComprehensionKind:
		w.comprehension(e.AsComprehension(), names, depth)
	default:
		fmt.Fprintf(w, "?%d", e.ID())
	}
}

func (w *canonWriter) list(es []ast.Expr, names map[string]string, depth int) {
	for i, e := range es {
		if i > 0 {
			w.WriteString(", ")
		}
		w.write(e, names, depth)
	}
}

func (w *canonWriter) comprehension(co ast.ComprehensionExpr, names map[string]string, depth int) {
	w.WriteString("fold(")
	w.write(co.IterRange(), names, depth)
	in := make(map[string]string, len(names)+3)
	for k, v := range names {
		in[k] = v
	}
	for i, name := range []string{co.AccuVar(), co.IterVar(), co.IterVar2()} {
		if name != "" {
			in[name] = "$" + strconv.Itoa(3*depth+i)
		}
	}
	for _, e := range []ast.Expr{co.AccuInit(), co.LoopCondition(), co.LoopStep(), co.Result()} {
		w.WriteString("; ")
		w.write(e, in, depth+1)
	}
	w.WriteString(")")
}

func (w *canonWriter) literal(v ref.Val) {
	switch x := v.(type) {
	case types.String:
		w.WriteString(strconv.Quote(string(x)))
	case types.Double:
		w.WriteString(strconv.FormatFloat(float64(x), 'g', -1, 64) + "d")
	default:
		fmt.Fprintf(w, "%v:%v", v.Type().TypeName(), v.Value())
	}
}
