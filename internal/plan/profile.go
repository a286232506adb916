package plan

import (
	"iter"

	"github.com/ruas/ruas/internal/feature"
)

// Profile yields the attributes that have a value, by name: those that some rule reads.
func (p *Plan) Profile(st *State) iter.Seq2[string, feature.Val] {
	return func(yield func(string, feature.Val) bool) {
		attrs := st.Attrs()
		for i := range attrs {
			if a := &attrs[i]; a.Set && a.Value.K != feature.None && !yield(p.attrs[i].name, a.Value) {
				return
			}
		}
	}
}
