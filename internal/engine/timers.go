package engine

// Timers is a heap of deadlines in order of (moment, customer), with one deadline a customer. The zero value is ready.
type Timers struct {
	heap []*timer
	of   map[string]*timer
}

type timer struct {
	id    string
	at    int64
	place int // in the heap
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
	x, ok := t.of[id]
	switch {
	case at == Never && ok:
		t.remove(x)
	case at == Never:
	case ok:
		if x.at != at {
			x.at = at
			t.fix(x.place)
		}
	default:
		if t.of == nil {
			t.of = make(map[string]*timer)
		}
		x = &timer{id: id, at: at, place: len(t.heap)}
		t.of[id] = x
		t.heap = append(t.heap, x)
		t.up(x.place)
	}
}

// Remove takes a customer's deadline away.
func (t *Timers) Remove(id string) { t.Set(id, Never) }

func (t *Timers) remove(x *timer) {
	last := len(t.heap) - 1
	i := x.place
	t.swap(i, last)
	t.heap[last] = nil
	t.heap = t.heap[:last]
	delete(t.of, x.id)
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
	a, b := t.heap[i], t.heap[j]
	return a.at < b.at || a.at == b.at && a.id < b.id
}

func (t *Timers) swap(i, j int) {
	t.heap[i], t.heap[j] = t.heap[j], t.heap[i]
	t.heap[i].place, t.heap[j].place = i, j
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
