package engine

// Timers is a heap of deadlines in order of (moment, customer), with one deadline a customer. The zero value is ready.
type Timers struct {
	heap []timer
	at   map[string]int // a customer's place in heap
}

type timer struct {
	id string
	at int64
}

// Len returns the number of customers that have a deadline.
func (t *Timers) Len() int { return len(t.heap) }

// Peek returns the earliest deadline.
func (t *Timers) Peek() (id string, at int64, ok bool) {
	if len(t.heap) == 0 {
		return "", 0, false
	}
	return t.heap[0].id, t.heap[0].at, true
}

// Set gives a customer a deadline in place of an earlier one; Never takes it away.
func (t *Timers) Set(id string, at int64) {
	i, ok := t.at[id]
	switch {
	case at == Never && ok:
		t.remove(i)
	case at == Never:
	case ok:
		if t.heap[i].at != at {
			t.heap[i].at = at
			t.fix(i)
		}
	default:
		if t.at == nil {
			t.at = make(map[string]int)
		}
		t.heap = append(t.heap, timer{id: id, at: at})
		t.at[id] = len(t.heap) - 1
		t.up(len(t.heap) - 1)
	}
}

// Remove takes a customer's deadline away.
func (t *Timers) Remove(id string) { t.Set(id, Never) }

func (t *Timers) remove(i int) {
	last := len(t.heap) - 1
	t.swap(i, last)
	delete(t.at, t.heap[last].id)
	t.heap[last] = timer{}
	t.heap = t.heap[:last]
	if i < last {
		t.fix(i)
	}
}

func (t *Timers) fix(i int) {
	if !t.down(i) {
		t.up(i)
	}
}

func (t *Timers) less(i, j int) bool {
	a, b := &t.heap[i], &t.heap[j]
	return a.at < b.at || a.at == b.at && a.id < b.id
}

func (t *Timers) swap(i, j int) {
	t.heap[i], t.heap[j] = t.heap[j], t.heap[i]
	t.at[t.heap[i].id], t.at[t.heap[j].id] = i, j
}

func (t *Timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !t.less(i, parent) {
			return
		}
		t.swap(i, parent)
		i = parent
	}
}

func (t *Timers) down(i int) (moved bool) {
	for {
		child := 2*i + 1
		if child >= len(t.heap) {
			return moved
		}
		if r := child + 1; r < len(t.heap) && t.less(r, child) {
			child = r
		}
		if !t.less(child, i) {
			return moved
		}
		t.swap(i, child)
		i, moved = child, true
	}
}
