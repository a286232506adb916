package main

import (
	"fmt"
	"testing"
	"time"
)

// A customer puts something into the cart, comes back an hour later, and buys three times.
func TestApply(t *testing.T) {
	var c customer
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var got []string
	for i, e := range []event{
		{Type: "cart_add"},
		{Type: "device_seen", DeviceType: "phone"},
		{Type: "purchase", Amount: 999.99},
		{Type: "purchase", Amount: 0.01},
		{Type: "purchase", Amount: 5},
	} {
		e.ID, e.CustomerID, e.Time = fmt.Sprint("e", i), "c1", start.Add(time.Duration(i)*time.Hour)
		for _, ch := range c.apply(&e) {
			got = append(got, fmt.Sprint(ch.EventID, " ", ch.Change, " ", ch.Segment, " ", ch.Seq))
		}
	}
	want := []string{
		"e1 join cart_abandoner 1", "e1 join phone_user 1", "e2 join new_buyer 1", "e3 join big_spender 1", "e3 join premium 1",
		"e4 leave new_buyer 2",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("changes\n%q\nwant\n%q", got, want)
	}
	if last := c.CartAdds; len(last) != 1 || !last[0].Equal(start) {
		t.Errorf("kept of the cart: %v", last)
	}
}
