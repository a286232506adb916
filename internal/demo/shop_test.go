package demo

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/event"
)

var opening = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)

func TestShopIsDeterministic(t *testing.T) {
	a, b := NewShop(ShopOptions{Opening: opening}), NewShop(ShopOptions{Opening: opening})
	other := NewShop(ShopOptions{Opening: opening, Seed: 2})
	differs := false
	for range 20_000 {
		x, y := a.Next(), b.Next()
		if !bytes.Equal(x.JSON, y.JSON) || x.Topic != y.Topic {
			t.Fatalf("%s\n%s", x.JSON, y.JSON)
		}
		differs = differs || !bytes.Equal(other.Next().JSON, x.JSON)
	}
	if !differs {
		t.Error("another seed gives the same shop")
	}
}

// A day of the shop: what the demo promises happens, in order of time, and every event is one that ruas accepts.
func TestShopDay(t *testing.T) {
	schema, err := event.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := event.NewDecoder(schema, event.Source{}, schema.All())
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]int{}
	before := 0
	shop := NewShop(ShopOptions{Opening: opening})
	var last int64
	for {
		ev := shop.Next()
		if ev.Time < last {
			t.Fatalf("out of order: %s", ev.JSON)
		}
		last = ev.Time
		var decoded event.Event
		if err := decoder.Decode(ev.JSON, &decoded); err != nil {
			t.Fatalf("%s: %v", ev.JSON, err)
		}
		if decoded.Customer != ev.Customer || decoded.Time != ev.Time {
			t.Fatalf("%s is of %s at %d", ev.JSON, ev.Customer, ev.Time)
		}
		if ev.Time < opening.UnixMilli() {
			before++
			if ev.Topic == "browsing" && ev.Time < opening.Add(-browsingSeen).UnixMilli() {
				t.Fatalf("browsing long before the opening: %s", ev.JSON)
			}
			continue
		}
		if ev.Time > opening.Add(24*time.Hour).UnixMilli() {
			break
		}
		types[decoded.Type.Name]++
	}
	t.Logf("%d events of history, then a day of %v", before, types)
	for _, kind := range []string{
		"purchase", "refund", "page_view", "product_view", "search", "cart_add", "cart_remove", "checkout", "device_seen", "login",
		"profile", "campaign",
	} {
		if types[kind] == 0 {
			t.Errorf("no %s in a day", kind)
		}
	}
	if types["purchase"]*2 > types["cart_add"] {
		t.Errorf("%d purchases of %d items in carts: hardly a cart is left behind", types["purchase"], types["cart_add"])
	}
	if before < 2_000 || before > 60_000 {
		t.Errorf("%d events of history: too few to show members, or too many to read at the start", before)
	}
}

func TestProfilesHaveEveryAttribute(t *testing.T) {
	schema, err := event.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	shop := NewShop(ShopOptions{Opening: opening})
	for range 3_000 {
		ev := shop.Next()
		if ev.Topic != "profiles" {
			continue
		}
		var fields map[string]any
		if err := json.Unmarshal(ev.JSON, &fields); err != nil {
			t.Fatal(err)
		}
		for name := range fields {
			seen[name] = true
		}
	}
	for _, p := range schema.Profile().Properties {
		if !seen[p.Name] {
			t.Errorf("no customer has the attribute %s", p.Name)
		}
	}
}
