package pipeline

import (
	"context"
	"time"
)

// Small batches follow each other by the millisecond, and what one costs the view depends little on its size: several are written as one.
const (
	// gatherFor is how far the view may be behind for that.
	gatherFor = 100 * time.Millisecond
	// gatherMost is how many states are worth a write of their own.
	gatherMost = 1000
)

// gather waits a little for updates that follow the first one.
func (w *writer) gather(ctx context.Context, first numbered) numbered {
	states := len(first.updates[0].States)
	if states >= gatherMost {
		return first
	}
	over := time.NewTimer(gatherFor)
	defer over.Stop()
	for states < gatherMost {
		select {
		case next := <-w.queue:
			first.number, first.updates = next.number, append(first.updates, next.updates...)
			first.traced = append(first.traced, next.traced...)
			states += len(next.updates[0].States)
			continue
		case <-w.hurry:
		case <-over.C:
		case <-ctx.Done():
		}
		break
	}
	return first
}

// merged gives one update that does what these do, one after the other.
func merged(list []*Update) *Update {
	if len(list) == 1 {
		return list[0]
	}
	type moment struct {
		at    int64
		exact bool
	}
	var (
		states  = make(map[string]int)
		moments = make(map[string]moment)
		members = make(map[Membership]bool)
		all     = &Update{From: list[0].From, To: list[len(list)-1].To}
	)
	for _, u := range list {
		for _, s := range u.States {
			if i, ok := states[string(s.Key)]; ok {
				all.States[i] = s
				continue
			}
			states[string(s.Key)] = len(all.States)
			all.States = append(all.States, s)
		}
		for _, d := range u.Sooner {
			was, ok := moments[d.Customer]
			if ok {
				d.At = min(d.At, was.at)
			}
			moments[d.Customer] = moment{d.At, was.exact}
		}
		for _, d := range u.Exact {
			moments[d.Customer] = moment{d.At, true}
		}
		for _, m := range u.Left {
			members[m] = false
		}
		for _, m := range u.Joined {
			members[m] = true
		}
	}
	for customer, m := range moments {
		if m.exact {
			all.Exact = append(all.Exact, Deadline{customer, m.at})
		} else {
			all.Sooner = append(all.Sooner, Deadline{customer, m.at})
		}
	}
	for m, in := range members {
		if in {
			all.Joined = append(all.Joined, m)
		} else {
			all.Left = append(all.Left, m)
		}
	}
	return all
}
