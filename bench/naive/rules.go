package main

import (
	"slices"
	"time"
)

// event is what the rules read of a record.
type event struct {
	ID         string    `json:"id"`
	Type       string    `json:"type"`
	CustomerID string    `json:"customer_id"`
	Time       time.Time `json:"time"`
	Amount     float64   `json:"amount"`
	Category   string    `json:"category"`
	DeviceType string    `json:"device_type"`
}

type purchase struct {
	Time   time.Time `json:"time"`
	Amount float64   `json:"amount"`
}

type view struct {
	Time     time.Time `json:"time"`
	Category string    `json:"category"`
}

// customer is what is kept of a customer in Redis, as JSON.
type customer struct {
	PurchaseCount int         `json:"purchase_count"` // of all time
	Purchases     []purchase  `json:"purchases"`      // of 60 days
	CartAdds      []time.Time `json:"cart_adds"`      // of 24 hours
	Views         []view      `json:"views"`          // of 7 days
	Device        string      `json:"device"`
	// Seq counts the changes by segment: odd for members.
	Seq map[string]uint64 `json:"seq"`
}

// change is one join or leave as it is published.
type change struct {
	CustomerID string `json:"customer_id"`
	Segment    string `json:"segment"`
	Change     string `json:"change"`
	Time       string `json:"time"`
	Cause      string `json:"cause"`
	EventID    string `json:"event_id"`
	Seq        uint64 `json:"seq"`
}

const day = 24 * time.Hour

// segments are S10, each with its rule.
var segments = []struct {
	name string
	in   func(c *customer, now time.Time) bool
}{
	{"big_spender", func(c *customer, now time.Time) bool { total, _ := c.spent(now, 30*day); return total >= 1000 }},
	{"cart_abandoner", (*customer).leftCart},
	{"explorer", func(c *customer, now time.Time) bool { return c.categories(now, 7*day) >= 8 }},
	{"frequent_buyer", func(c *customer, now time.Time) bool { _, n := c.spent(now, 30*day); return n >= 5 }},
	{"heavy_browser", func(c *customer, now time.Time) bool { return c.viewed(now, day) >= 5 }},
	{"lapsed", func(c *customer, now time.Time) bool {
		_, n := c.spent(now, 14*day)
		return c.PurchaseCount > 0 && n == 0
	}},
	{"loyal", func(c *customer, _ time.Time) bool { return c.PurchaseCount >= 10 }},
	{"new_buyer", func(c *customer, _ time.Time) bool { return c.PurchaseCount >= 1 && c.PurchaseCount <= 2 }},
	{"phone_user", func(c *customer, _ time.Time) bool { return c.Device == "phone" }},
	{"premium", func(c *customer, now time.Time) bool {
		total, n := c.spent(now, 60*day)
		return c.PurchaseCount >= 2 && n > 0 && total/float64(n) >= 150
	}},
}

// apply takes an event into the state and returns what it changes.
func (c *customer) apply(e *event) []change {
	c.take(e)
	c.drop(e.Time)
	if c.Seq == nil {
		c.Seq = map[string]uint64{}
	}
	var changes []change
	for _, s := range segments {
		in := s.in(c, e.Time)
		if in == (c.Seq[s.name]%2 == 1) {
			continue
		}
		c.Seq[s.name]++
		kind := "leave"
		if in {
			kind = "join"
		}
		changes = append(changes, change{
			CustomerID: e.CustomerID, Segment: s.name, Change: kind, Time: e.Time.UTC().Format("2006-01-02T15:04:05.000Z"),
			Cause: "event", EventID: e.ID, Seq: c.Seq[s.name],
		})
	}
	return changes
}

func (c *customer) take(e *event) {
	switch e.Type {
	case "purchase":
		c.PurchaseCount++
		c.Purchases = append(c.Purchases, purchase{e.Time, e.Amount})
	case "cart_add":
		c.CartAdds = append(c.CartAdds, e.Time)
	case "product_view":
		c.Views = append(c.Views, view{e.Time, e.Category})
	case "device_seen":
		c.Device = e.DeviceType
	}
}

// drop forgets what is too old for every rule.
func (c *customer) drop(now time.Time) {
	c.Purchases = slices.DeleteFunc(c.Purchases, func(p purchase) bool { return now.Sub(p.Time) >= 60*day })
	c.CartAdds = slices.DeleteFunc(c.CartAdds, func(t time.Time) bool { return now.Sub(t) >= day })
	c.Views = slices.DeleteFunc(c.Views, func(v view) bool { return now.Sub(v.Time) >= 7*day })
}

func (c *customer) spent(now time.Time, window time.Duration) (total float64, n int) {
	for _, p := range c.Purchases {
		if now.Sub(p.Time) < window {
			total += p.Amount
			n++
		}
	}
	return total, n
}

func (c *customer) viewed(now time.Time, window time.Duration) (n int) {
	for _, v := range c.Views {
		if now.Sub(v.Time) < window {
			n++
		}
	}
	return n
}

func (c *customer) categories(now time.Time, window time.Duration) int {
	seen := map[string]bool{}
	for _, v := range c.Views {
		if now.Sub(v.Time) < window {
			seen[v.Category] = true
		}
	}
	return len(seen)
}

// leftCart says whether something put into the cart within 24 hours was not followed by a purchase within 30 minutes.
func (c *customer) leftCart(now time.Time) bool {
	const wait = 30 * time.Minute
	for _, added := range c.CartAdds {
		if now.Sub(added) < wait {
			continue
		}
		bought := slices.ContainsFunc(c.Purchases, func(p purchase) bool {
			return p.Time.After(added) && !p.Time.After(added.Add(wait))
		})
		if !bought {
			return true
		}
	}
	return false
}
