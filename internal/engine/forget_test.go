package engine

import (
	"bytes"
	"testing"
)

// TestForget leaves nothing of a customer, and says a leave for each membership; what comes later is a new history.
func TestForget(t *testing.T) {
	b := newBench(t, []byte(`
segments:
  buyer:
    when: purchase.size() > 0
  active:
    when: purchase.last("100s").size() > 0
  gone:
    when: purchase.size() > 5
`), Options{})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	told(b, c, &clock, purchase("a", 1000, ""))
	c.SetAside(Aside{Time: 5000, Source: "s", Record: []byte("{}")})
	if got, want := string(b.eng.AppendMemberships(nil, c, 1000)), `{"customer_id":"c1","segments":["active","buyer"],"time":"1970-01-01T00:00:01.000Z"}`; got != want {
		t.Errorf("the list is %s, want %s", got, want)
	}
	expect(t, short(b, b.eng.Forget(c, 2000, nil)), "2000 active leave 2 forget", "2000 buyer leave 2 forget")
	if got := b.eng.Encode(c, nil); !c.Empty() || c.Deadline() != Never || !bytes.Equal(got, b.eng.Encode(b.eng.NewCustomer("c1"), nil)) {
		t.Errorf("something is left: %x", got)
	}
	expect(t, short(b, b.eng.Forget(c, 3000, nil)))
	if got, want := string(b.eng.AppendMemberships(nil, c, 3000)), `{"customer_id":"c1","segments":[],"time":"1970-01-01T00:00:03.000Z"}`; got != want {
		t.Errorf("the list is %s, want %s", got, want)
	}
	clock = 3000
	// The very event that was known before counts again: its id is forgotten too.
	expect(t, told(b, c, &clock, purchase("a", 1000, "")), "3000 active join 1 event a", "3000 buyer join 1 event a")
}
