package engine

import "github.com/ruas/ruas/internal/feature"

// Values visits the values of some features for c at a moment, each with its place among those asked for; features are places in the set's
// Features. None is what has no value, or is not known.
func (e *Engine) Values(c *Customer, now int64, features []int, visit func(i int, v feature.Val)) {
	s := e.stepper(c, now)
	defer s.done()
	for i, f := range features {
		visit(i, e.plan.Value(s.frame, f))
	}
}

// AppendFeatures writes the values that features have for c at a moment, as one JSON object in the order of the rules. Left out is what
// has no value, or is not known, and what JSON has no word for.
func (e *Engine) AppendFeatures(dst []byte, c *Customer, now int64) []byte {
	s := e.stepper(c, now)
	defer s.done()
	dst = append(dst, '{')
	first := len(dst)
	for i := range e.plan.Features {
		dst = appendMember(dst, first, e.plan.Features[i].Name, e.plan.Value(s.frame, i))
	}
	return append(dst, '}')
}

// AppendProfile writes the attributes that are kept of c, those that some rule reads, as one JSON object. Left out is what was never set,
// or was removed.
func (e *Engine) AppendProfile(dst []byte, c *Customer) []byte {
	dst = append(dst, '{')
	first := len(dst)
	for name, value := range e.plan.Profile(&c.state) {
		dst = appendMember(dst, first, name, value)
	}
	return append(dst, '}')
}

// appendMember writes a member of an object that begins at first, if the value can be written.
func appendMember(dst []byte, first int, name string, v feature.Val) []byte {
	start := len(dst)
	if start > first {
		dst = append(dst, ',')
	}
	dst = append(appendString(dst, name), ':')
	dst, ok := AppendValue(dst, v)
	if !ok {
		return dst[:start]
	}
	return dst
}
