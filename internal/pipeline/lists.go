package pipeline

import "math"

// Each customer's present list of segments, for who wants no changes but how things stand.

// listMessages writes the lists that differ from those before the batch, and those of a sweep; of who was forgotten, none.
func (s *session) listMessages(b *batch, u *Update) []Message {
	changed := make(map[string]bool, len(u.Joined)+len(u.Left))
	for _, m := range u.Joined {
		changed[m.Customer] = true
	}
	for _, m := range u.Left {
		changed[m.Customer] = true
	}
	at := make(map[string]int64, len(changed))
	for i := range b.changes {
		if ch := &b.changes[i]; changed[ch.Customer] {
			at[ch.Customer] = ch.Time
		}
	}
	var (
		list  []Message
		bytes arena
	)
	for _, c := range b.touched {
		m := Message{Key: []byte(c.id())}
		switch moment, differs := at[c.id()]; {
		case c.erased == b.number && c.state.Empty():
		case b.all && s.clock > math.MinInt64:
			moment = max(moment, s.clock)
			m.Value = bytes.keep(s.opt.Engine.AppendMemberships(bytes.open(changeBytes), &c.state, moment))
		case differs:
			m.Value = bytes.keep(s.opt.Engine.AppendMemberships(bytes.open(changeBytes), &c.state, moment))
		default:
			continue
		}
		list = append(list, m)
	}
	return list
}
