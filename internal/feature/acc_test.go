package feature

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// happened is one event of a history, for models that look at the whole of it.
type happened struct {
	t    int64
	x    Val
	key  Val
	row  []Val
	left bool // had no room within the bound
}

// ordered returns the history in order of (time, arrival).
func ordered(all []happened) []happened {
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(a, b happened) int { return int(a.t - b.t) })
	return out
}

// everyFold is each way of keeping events that a rule asks for, and some together.
var everyFold = []Fold{
	{Count: true}, {Sum: true}, {Sum: true, Count: true}, {Min: true}, {Max: true}, {Min: true, Max: true, Count: true},
	{Oldest: 1}, {Oldest: 3}, {Newest: 1}, {Newest: 4}, {Groups: true}, {Groups: true, Sum: true},
}

// TestAccAgainstHistory adds events in random order of time, and compares with what the whole history gives.
func TestAccAgainstHistory(t *testing.T) {
	randomly(t, 400, func(t *testing.T, r *rand.Rand) {
		f := everyFold[r.IntN(len(everyFold))]
		kinds := everyKind[:1+r.IntN(len(everyKind))]
		xKind, keyKind := []Kind{Int, Double}[r.IntN(2)], []Kind{String, Int, Bool}[r.IntN(3)]
		bound := []int{2, 5, 1000}[r.IntN(3)]
		keys := 1 + r.IntN(60)
		a := &Acc{}
		var all []happened
		taken := map[Val]bool{}
		for range 1 + r.IntN(100) {
			h := happened{t: int64(r.IntN(40)), row: randomRow(r, kinds, true, randomPrice)}
			if r.IntN(40) > 0 {
				h.x = randomVal(r, xKind, randomPrice)
			}
			if r.IntN(40) > 0 {
				h.key = randomKey(r, keyKind, keys)
			}
			bad := h.key.K == None || f.Sum && h.x.K == None
			if f.Groups && !bad && !taken[h.key] {
				h.left = len(taken) >= bound
				taken[h.key] = !h.left
				if h.left {
					delete(taken, h.key)
				}
			}
			before := a.Clone()
			a.Add(&f, h.t, h.x, h.key, h.row, kinds, bound)
			if f.Oldest+f.Newest == 0 {
				compareAcc(t, &f, before, all, kinds) // the copy is as it was
			}
			all = append(all, h)
			compareAcc(t, &f, a, all, kinds)
		}
		compareEncodedAcc(t, &f, a, all, kinds, bound)
	})
}

func randomKey(r *rand.Rand, k Kind, keys int) Val {
	switch k {
	case String:
		return OfString(fmt.Sprint("key", r.IntN(keys)))
	case Int:
		return OfInt(int64(r.IntN(keys)) - 5)
	default:
		return OfBool(r.IntN(2) == 0)
	}
}

func compareAcc(t *testing.T, f *Fold, a *Acc, all []happened, kinds []Kind) {
	t.Helper()
	if f.Groups {
		compareGroups(t, f, a, all)
		return
	}
	count, gaps := int64(0), int64(0)
	sum := new(big.Rat)
	var least, most Val
	for _, h := range all {
		count++
		switch {
		case h.x.K == None:
			gaps++
			continue
		case h.x.K == Int:
			sum.Add(sum, new(big.Rat).SetInt64(h.x.Int()))
		default:
			sum.Add(sum, exact(h.x.Float()))
		}
		if least.K == None || Less(h.x, least) {
			least = h.x
		}
		if most.K == None || Less(most, h.x) {
			most = h.x
		}
	}
	if f.Count && a.Count != count {
		t.Fatalf("%+v: count %d, want %d", f, a.Count, count)
	}
	if (f.Sum || f.Min || f.Max) && a.Gaps != gaps {
		t.Fatalf("%+v: %d gaps, want %d", f, a.Gaps, gaps)
	}
	if f.Sum && a.Sum.rat().Cmp(sum) != 0 {
		t.Fatalf("%+v: sum %v, want %v", f, a.Sum.rat(), sum)
	}
	if f.Min && a.Least.Val() != least || f.Max && a.Most.Val() != most {
		t.Fatalf("%+v: from %v to %v, want %v to %v", f, a.Least, a.Most, least, most)
	}
	if f.Oldest+f.Newest == 0 {
		return
	}
	want := ordered(all)
	if f.Newest > 0 {
		want = want[max(0, len(want)-f.Newest):]
	} else {
		want = want[:min(len(want), f.Oldest)]
	}
	if a.Rows.Len() != len(want) {
		t.Fatalf("%+v: %d rows, want %d", f, a.Rows.Len(), len(want))
	}
	for i, h := range want {
		for c := range kinds {
			if got := a.Rows.Value(i, c); a.Rows.Time(i) != h.t || !same(got, h.row[c]) {
				t.Fatalf("%+v: row %d is of %d and holds %v, want %d and %v", f, i, a.Rows.Time(i), got, h.t, h.row[c])
			}
		}
	}
}

func compareGroups(t *testing.T, f *Fold, a *Acc, all []happened) {
	t.Helper()
	type group struct {
		first int64
		count int64
		sum   *big.Rat
	}
	var order []Val
	groups := map[Val]*group{}
	gaps, shed := int64(0), int64(0)
	for _, h := range ordered(all) {
		if h.key.K == None || f.Sum && h.x.K == None {
			gaps++
			continue
		}
		if h.left {
			shed++
			continue
		}
		g := groups[h.key]
		if g == nil {
			g = &group{first: h.t, sum: new(big.Rat)}
			groups[h.key] = g
			order = append(order, h.key)
		}
		g.count++
		switch h.x.K {
		case Int:
			g.sum.Add(g.sum, new(big.Rat).SetInt64(h.x.Int()))
		case Double:
			g.sum.Add(g.sum, exact(h.x.Float()))
		default:
		}
	}
	var got Groups
	if a.Group != nil {
		got = *a.Group
	}
	if a.Gaps != gaps || got.Shed != shed || len(got.Keys) != len(order) {
		t.Fatalf("%d gaps, %d shed, %d keys; want %d, %d, %d", a.Gaps, got.Shed, len(got.Keys), gaps, shed, len(order))
	}
	for i, key := range order {
		g := got.Keys[i]
		want := groups[key]
		if g.Key != key || g.First != want.first || g.Count != want.count {
			t.Fatalf("key %d is %v (from %d, %d times), want %v (from %d, %d times)", i, g.Key, g.First, g.Count, key, want.first, want.count)
		}
		if f.Sum && g.Sum.rat().Cmp(want.sum) != 0 {
			t.Fatalf("key %v adds up to %v, want %v", key, g.Sum.rat(), want.sum)
		}
		if found, ok := a.Group.Find(key); !ok || found.Count != g.Count {
			t.Fatalf("key %v is found as %v, %v", key, found, ok)
		}
	}
	if _, ok := a.Group.Find(OfString("no such key")); ok {
		t.Fatal("a key that never was is found")
	}
}

func compareEncodedAcc(t *testing.T, f *Fold, a *Acc, all []happened, kinds []Kind, bound int) {
	t.Helper()
	const base, noTime = 1000, math.MinInt64 / 2
	for _, until := range []int64{noTime, -5, 0, 2000} {
		a.Until = until
		b := a.Append(nil, base, noTime)
		in := NewReader(b)
		again := in.Acc(kinds, base, noTime)
		if in.Err() != nil || in.Rest() > 0 {
			t.Fatalf("reading %x: %v, %d bytes left", b, in.Err(), in.Rest())
		}
		if again.Until != until {
			t.Fatalf("settled until %d, want %d", again.Until, until)
		}
		if second := again.Append(nil, base, noTime); string(second) != string(b) {
			t.Fatalf("written as %x, then as %x", b, second)
		}
		compareAcc(t, f, again, all, kinds)
		// It goes on as the first does: one more event, later than all.
		h := happened{t: 100, x: OfInt(7), key: OfString("one more"), row: make([]Val, len(kinds))}
		h.left = again.Group != nil && len(again.Group.Keys) >= bound
		again.Add(f, h.t, h.x, h.key, h.row, kinds, bound)
		if f.Min || f.Max {
			continue // x may be of another kind
		}
		compareAcc(t, f, again, append(slices.Clone(all), h), kinds)
	}
}

// TestGroupsKeepFirstAppearance has late events bring a key forward, beyond the size at which an index is kept.
func TestGroupsKeepFirstAppearance(t *testing.T) {
	f := Fold{Groups: true}
	a := &Acc{}
	for i := range int64(40) {
		a.Add(&f, 100+i, Val{}, OfInt(i), nil, nil, 100)
	}
	a.Add(&f, 50, Val{}, OfInt(39), nil, nil, 100)  // the last becomes the first
	a.Add(&f, 100, Val{}, OfInt(38), nil, nil, 100) // a tie goes behind what came earlier
	a.Add(&f, 10, Val{}, OfInt(77), nil, nil, 100)  // a late key
	var got []int64
	for _, k := range a.Group.Keys {
		got = append(got, k.Key.Int())
	}
	want := []int64{77, 39, 0, 38}
	for i := int64(1); i < 38; i++ {
		want = append(want, i)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the order is %v, want %v", got, want)
	}
	for i, k := range a.Group.Keys {
		if g, ok := a.Group.Find(k.Key); !ok || g.First != k.First || g.Count != k.Count {
			t.Errorf("key %d is found as %v, want %v", i, g, k)
		}
	}
}

// TestGroupsBeyondTheBound counts events whose key has no room, and goes on counting those that have.
func TestGroupsBeyondTheBound(t *testing.T) {
	f := Fold{Groups: true, Sum: true}
	a := &Acc{}
	for range 3 {
		for i := range int64(30) {
			a.Add(&f, i, OfInt(1), OfInt(i), nil, nil, 20)
		}
	}
	if len(a.Group.Keys) != 20 || a.Group.Shed != 30 {
		t.Errorf("%d keys, %d events shed; want 20 and 30", len(a.Group.Keys), a.Group.Shed)
	}
	for _, k := range a.Group.Keys {
		if sum, ok := k.Sum.Int64(); k.Count != 3 || !ok || sum != 3 || k.Key.Int() >= 20 {
			t.Errorf("key %d: %d times, %d", k.Key.Int(), k.Count, sum)
		}
	}
}
