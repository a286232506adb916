package plan

import (
	"slices"
	"strings"

	"github.com/ruas/ruas/internal/feature"
)

// interns gives kept strings one copy each: events name the same categories and products again and again. It is a table of
// fixed size in which a newer string takes an older one's place.
type interns [1 << 12]string

// own returns a value that shares nothing with the record that it came from.
func (t *interns) own(v feature.Val) feature.Val {
	switch v.K {
	case feature.String:
		v.S = t.text(v.S)
	case feature.Object:
		if list, ok := v.R.([]string); ok {
			list = slices.Clone(list)
			for i := range list {
				list[i] = t.text(list[i])
			}
			v.R = list
		}
	}
	return v
}

func (t *interns) text(s string) string {
	if len(s) > 64 {
		return strings.Clone(s)
	}
	h := uint32(2166136261) // FNV-1a
	for i := 0; i < len(s); i++ {
		h = (h ^ uint32(s[i])) * 16777619
	}
	h ^= h >> 15
	kept := &t[h%uint32(len(t))]
	if *kept != s {
		*kept = strings.Clone(s)
	}
	return *kept
}
