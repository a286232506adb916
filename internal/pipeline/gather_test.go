package pipeline

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
)

// shardModel is what a shard holds, as plainly as can be.
type shardModel struct {
	states  map[string]string
	due     map[string]int64
	members map[Membership]bool
	fence   Fence
}

func (m *shardModel) write(u *Update) error {
	if u.From != m.fence {
		return fmt.Errorf("the fence is %+v, not %+v", m.fence, u.From)
	}
	for _, s := range u.States {
		if s.Value == nil {
			delete(m.states, string(s.Key))
		} else {
			m.states[string(s.Key)] = string(s.Value)
		}
	}
	for _, d := range u.Sooner {
		if was, ok := m.due[d.Customer]; !ok || d.At < was {
			m.due[d.Customer] = d.At
		}
	}
	for _, d := range u.Exact {
		if d.At == Never {
			delete(m.due, d.Customer)
		} else {
			m.due[d.Customer] = d.At
		}
	}
	for _, x := range u.Left {
		delete(m.members, x)
	}
	for _, x := range u.Joined {
		m.members[x] = true
	}
	m.fence = u.To.Fence
	return nil
}

// What updates do one after the other, their merged one does.
func TestMerged(t *testing.T) {
	t.Parallel()
	const seed = 1
	r := rand.New(rand.NewPCG(seed, 0))
	customer := func() string { return fmt.Sprint("c", r.IntN(5)) }
	for round := range 2000 {
		one := shardModel{states: map[string]string{}, due: map[string]int64{}, members: map[Membership]bool{}}
		all := shardModel{states: map[string]string{}, due: map[string]int64{}, members: map[Membership]bool{}}
		for i := range 3 {
			c, at := fmt.Sprint("c", i), int64(r.IntN(10))
			one.due[c], all.due[c] = at, at
		}
		var list []*Update
		for i := range 1 + r.IntN(5) {
			u := &Update{From: Fence{Applied: int64(i)}, To: ShardMeta{Fence: Fence{Applied: int64(i + 1)}}}
			seen := map[string]bool{}
			for range r.IntN(4) {
				c := customer()
				if seen[c] {
					continue // a batch says one thing of a customer
				}
				seen[c] = true
				s := StateRecord{Key: []byte(c)}
				if r.IntN(4) > 0 {
					s.Value = fmt.Append(nil, round, i)
				}
				u.States = append(u.States, s)
				at := int64(r.IntN(10))
				switch r.IntN(4) {
				case 0:
					u.Sooner = append(u.Sooner, Deadline{c, at})
				case 1:
					u.Exact = append(u.Exact, Deadline{c, at})
				case 2:
					u.Exact = append(u.Exact, Deadline{c, Never})
				}
				m := Membership{c, fmt.Sprint("s", r.IntN(2))}
				switch r.IntN(3) {
				case 0:
					u.Joined = append(u.Joined, m)
				case 1:
					u.Left = append(u.Left, m)
				}
			}
			list = append(list, u)
			if err := one.write(u); err != nil {
				t.Fatal(err)
			}
		}
		if err := all.write(merged(list)); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(one.states, all.states) || !maps.Equal(one.due, all.due) || !maps.Equal(one.members, all.members) || one.fence != all.fence {
			t.Fatalf("seed %d, round %d: one after the other %+v, merged %+v", seed, round, one, all)
		}
	}
}
