package replay

// merge is a heap of files: the first is that whose next good event is earliest, of several the one named first.
type merge []mergeItem

type mergeItem struct {
	order int // as named
	in    *input
}

func (m merge) less(i, j int) bool {
	a, b := m[i].in.event.Time, m[j].in.event.Time
	return a < b || a == b && m[i].order < m[j].order
}

func (m *merge) push(order int, in *input) {
	*m = append(*m, mergeItem{order, in})
	h := *m
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h.less(i, parent) {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

// fixTop restores the order after the first file has moved on.
func (m merge) fixTop() {
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(m); child++ {
			if m.less(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		m[i], m[least] = m[least], m[i]
		i = least
	}
}

// popTop removes the first file.
func (m *merge) popTop() {
	h := *m
	last := len(h) - 1
	h[0] = h[last]
	h[last] = mergeItem{}
	*m = h[:last]
	m.fixTop()
}
