package feature

import "strings"

// Fold tells what an Acc keeps of the events that were added to it.
type Fold struct {
	Count, Sum, Min, Max bool
	// Oldest and Newest keep that many events, whole.
	Oldest, Newest int
	// Groups keeps a count, and with Sum a sum, for each different key.
	Groups bool
}

// Acc is what is kept of events that are settled: they are, and stay, in a list. The zero value has none. A value that an
// event does not have (an error) is counted in Gaps.
type Acc struct {
	// Until is the time up to which events were added; those behind it still wait in their series.
	Until int64
	Count int64
	Gaps  int64
	Sum   Total
	Least Scalar
	Most  Scalar
	Rows  *Series
	Group *Groups
}

// Add adds an event: x is the value for Sum, Min and Max, key for Groups, row for Oldest and Newest (of kinds).
func (a *Acc) Add(f *Fold, t int64, x, key Val, row []Val, kinds []Kind, bound int) {
	if f.Count {
		a.Count++
	}
	if f.Groups {
		if key.K == None || (f.Sum && x.K == None) {
			a.Gaps++
			return
		}
		if a.Group == nil {
			a.Group = &Groups{}
		}
		if !a.Group.add(t, key, x, f.Sum, bound) {
			a.Gaps++
		}
		return
	}
	if f.Sum || f.Min || f.Max {
		a.addValue(f, x)
	}
	if f.Oldest+f.Newest > 0 {
		a.addRow(f, t, row, kinds)
	}
}

func (a *Acc) addValue(f *Fold, x Val) {
	if x.K == None {
		a.Gaps++
		return
	}
	if f.Sum && !a.Sum.AddVal(x) {
		a.Gaps++
	}
	own := ScalarOf(x)
	if own.K == None {
		return // has no order: it only counts that there is a value
	}
	if f.Min && (a.Least.K == None || Less(x, a.Least.Val())) {
		a.Least = own
	}
	if f.Max && (a.Most.K == None || Less(a.Most.Val(), x)) {
		a.Most = own
	}
}

// Scalar is a number, or a moment, as Val has it; the zero Scalar is None.
type Scalar struct {
	K Kind
	N uint64
}

// ScalarOf returns a number or a moment as what an Acc keeps of it; None for any other value.
func ScalarOf(v Val) Scalar {
	switch v.K {
	case Int, Double, Moment:
		return Scalar{v.K, v.N}
	}
	return Scalar{}
}

// Val returns s as a value.
func (s Scalar) Val() Val { return Val{K: s.K, N: s.N} }

func (a *Acc) addRow(f *Fold, t int64, row []Val, kinds []Kind) {
	if a.Rows == nil {
		a.Rows = NewSeries(kinds)
	}
	a.Rows.Insert(t, row)
	if f.Newest > 0 {
		a.Rows.drop(max(0, a.Rows.Len()-f.Newest))
	} else if a.Rows.Len() > f.Oldest {
		a.Rows.Remove(a.Rows.Len() - 1)
	}
}

// Less orders two numbers or moments of one kind.
func Less(a, b Val) bool {
	if a.K == Double {
		return a.Float() < b.Float()
	}
	return a.Int() < b.Int()
}

// Groups counts, and sums, by key. Keys stand in order of their first appearance.
type Groups struct {
	Keys []Group
	// Shed counts the events whose key found no room within the bound.
	Shed  int64
	index map[Val]int // only where there are many keys
}

// Group is one key of Groups.
type Group struct {
	Key   Val
	First int64 // event time of the key's first appearance
	Count int64
	Sum   Total
}

// few is the number of keys up to which a walk beats a map.
const few = 16

// add tells whether x could be added.
func (g *Groups) add(t int64, key, x Val, sum bool, bound int) bool {
	key = key.Key()
	i := g.find(key)
	if i < 0 {
		if len(g.Keys) >= bound {
			g.Shed++
			return true
		}
		i = len(g.Keys)
		key.S = strings.Clone(key.S)
		g.Keys = append(g.Keys, Group{Key: key, First: t})
		g.settle(i)
		i = g.find(key)
	} else if t < g.Keys[i].First {
		g.Keys[i].First = t
		g.settle(i)
		i = g.find(key)
	}
	g.Keys[i].Count++
	return !sum || g.Keys[i].Sum.AddVal(x)
}

// settle moves key i forward to its place in order of first appearance: behind those that appeared at the same time.
func (g *Groups) settle(i int) {
	j := i
	for j > 0 && g.Keys[j-1].First > g.Keys[i].First {
		j--
	}
	k := g.Keys[i]
	copy(g.Keys[j+1:i+1], g.Keys[j:i])
	g.Keys[j] = k
	if g.index == nil && len(g.Keys) <= few {
		return
	}
	if g.index == nil {
		g.index, j = make(map[Val]int, 2*few), 0
		i = len(g.Keys) - 1
	}
	for ; j <= i; j++ {
		g.index[g.Keys[j].Key] = j
	}
}

func (g *Groups) find(key Val) int {
	if g.index != nil {
		if i, ok := g.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range g.Keys {
		if g.Keys[i].Key == key {
			return i
		}
	}
	return -1
}

// Find returns the group of a key.
func (g *Groups) Find(key Val) (Group, bool) {
	if g == nil {
		return Group{}, false
	}
	if i := g.find(key); i >= 0 {
		return g.Keys[i], true
	}
	return Group{}, false
}

// ShedOldest takes out the n keys that appeared first, and counts their events as shed.
func (g *Groups) ShedOldest(n int) {
	for i := range g.Keys[:n] {
		g.Shed += g.Keys[i].Count
	}
	g.Keys = append([]Group(nil), g.Keys[n:]...)
	g.reindex()
}

// Clone returns a copy that shares nothing that Add changes, but for Rows, which no copy is added to.
func (a *Acc) Clone() *Acc {
	c := *a
	c.Sum = a.Sum.Clone()
	if a.Group != nil {
		g := &Groups{Keys: append([]Group(nil), a.Group.Keys...), Shed: a.Group.Shed}
		for i := range g.Keys {
			g.Keys[i].Sum = g.Keys[i].Sum.Clone()
		}
		g.reindex()
		c.Group = g
	}
	return &c
}
