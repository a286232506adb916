package replay

// merge is a heap of files: the first is that whose next good event is earliest, of several the one named first.
type merge struct{ files []mergeItem }

type mergeItem struct {
	order int // as named
	in    *input
}

func (m *merge) empty() bool { return len(m.files) == 0 }

func (m *merge) top() *input { return m.files[0].in }

func (m *merge) less(i, j int) bool {
	a, b := &m.files[i], &m.files[j]
	s, t := a.in.next().event.Time, b.in.next().event.Time
	return s < t || s == t && a.order < b.order
}

func (m *merge) swap(i, j int) { m.files[i], m.files[j] = m.files[j], m.files[i] }

func (m *merge) push(order int, in *input) {
	m.files = append(m.files, mergeItem{order, in})
	for i := len(m.files) - 1; i > 0; {
		parent := (i - 1) / 2
		if !m.less(i, parent) {
			return
		}
		m.swap(i, parent)
		i = parent
	}
}

// fixTop restores the order after the first file has moved on.
func (m *merge) fixTop() {
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(m.files); child++ {
			if m.less(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		m.swap(i, least)
		i = least
	}
}

// popTop removes the first file.
func (m *merge) popTop() {
	last := len(m.files) - 1
	m.swap(0, last)
	m.files[last] = mergeItem{}
	m.files = m.files[:last]
	m.fixTop()
}
