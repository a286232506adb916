package workload

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The benchmark's figures compare only where the data is the same, on every machine and in every release.
func TestDataIsFixed(t *testing.T) {
	var out bytes.Buffer
	if err := Write(&out, Options{Events: 10_000, Customers: 500}); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(out.Bytes())
	const want = "4e01d09773b77cc0"
	if got := hex.EncodeToString(sum[:8]); got != want {
		t.Errorf("the data of seed 1 hashes to %s, want %s", got, want)
	}
}

func TestDataFollowsTheBenchmark(t *testing.T) {
	const events, customers = 100_000, 2_000
	type event struct {
		ID         string  `json:"id"`
		Type       string  `json:"type"`
		Customer   string  `json:"customer_id"`
		Time       string  `json:"time"`
		Amount     float64 `json:"amount"`
		Price      float64 `json:"price"`
		Category   string  `json:"category"`
		DeviceType string  `json:"device_type"`
		CartID     string  `json:"cart_id"`
	}
	types := map[string]int{}
	byCustomer := map[string]int{}
	purchases := map[string]int{}
	seenCategories := map[string]bool{}
	devices := map[string]int{}
	size, i := 0, 0
	for record := range Records(Options{Events: events, Customers: customers, Seed: 7}) {
		var e event
		if err := json.Unmarshal(record.Value, &e); err != nil {
			t.Fatalf("%s: %v", record.Value, err)
		}
		at, err := time.Parse(time.RFC3339, e.Time)
		if err != nil {
			t.Fatal(err)
		}
		want := Start.UnixMilli() + int64(i)*Span.Milliseconds()/events
		if at.UnixMilli() != want || record.Time != want {
			t.Fatalf("event %d is at %d (record %d), want %d", i, at.UnixMilli(), record.Time, want)
		}
		if e.Customer != record.Key {
			t.Fatalf("key %q of customer %q", record.Key, e.Customer)
		}
		money := e.Amount + e.Price
		if (e.Type == "purchase" || e.Type == "cart_add") && (money < 5 || money > 250) {
			t.Fatalf("money out of range: %s", record.Value)
		}
		if e.CartID != "" {
			if want := "k" + e.Customer + "-" + strconv.Itoa(purchases[e.Customer]); e.CartID != want {
				t.Fatalf("cart %q, want %q", e.CartID, want)
			}
		}
		if e.Type == "purchase" {
			purchases[e.Customer]++
		}
		if e.Category != "" {
			seenCategories[e.Category] = true
		}
		if e.DeviceType != "" {
			devices[e.DeviceType]++
		}
		types[e.Type]++
		byCustomer[e.Customer]++
		size += len(record.Value)
		i++
	}
	for kind, percent := range map[string]float64{
		"product_view": 70, "cart_add": 13, "page_view": 3, "purchase": 10, "device_seen": 4,
	} {
		if got := 100 * float64(types[kind]) / events; math.Abs(got-percent) > 0.5 {
			t.Errorf("%s: %.2f %% of the events, want %v", kind, got, percent)
		}
	}
	for kind, percent := range map[string]float64{"phone": 60, "desktop": 30, "tablet": 10} {
		if got := 100 * float64(devices[kind]) / float64(types["device_seen"]); math.Abs(got-percent) > 3 {
			t.Errorf("%s: %.1f %% of the devices, want %v", kind, got, percent)
		}
	}
	if len(seenCategories) != 20 {
		t.Errorf("%d categories, want 20", len(seenCategories))
	}
	if a, b := byCustomer["c0"], byCustomer["c50"]; a < b*3/2 {
		t.Errorf("c0 has %d events, c50 %d: a Zipf law with v = 50, s = 1.1 gives about twice as many", a, b)
	}
	if mean := size / events; mean < 170 || mean > 230 {
		t.Errorf("%d bytes an event, want about 200", mean)
	}
}

func TestRules(t *testing.T) {
	for _, n := range []int{10, 1_000, 10_000} {
		out, err := Rules(n)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(string(out), "when:"); got != n {
			t.Errorf("%d segments, want %d", got, n)
		}
	}
	if _, err := Rules(11); err == nil {
		t.Error("11 segments: no error")
	}
	out, _ := Rules(1_000)
	for _, want := range []string{
		`  cart_abandoner_99:
    when: 'cart_add.last("28h").filter(e, e.category == "cat19").not_followed_by(purchase, "34m").size() > 0'`,
		`  phone_user_98:
    when: 'device_seen.last("122h").exists(d, d.device_type == "tablet")'`,
		`  big_spender_0:
    when: 'purchase.last("720h").filter(e, e.category == "cat0").sum(p, p.amount) >= 300'`,
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("missing:\n%s", want)
		}
	}
}

func TestClosingEndsEveryPartition(t *testing.T) {
	seen := map[string]int{}
	for record := range Closing(Options{Events: 1000}, 4, func(p int) string { return "end" + strconv.Itoa(p) }) {
		seen[record.Topic]++
		if want := eventTime(999, 1000) + 1; record.Time != want {
			t.Errorf("%s at %d, want %d", record.Topic, record.Time, want)
		}
		if !json.Valid(record.Value) {
			t.Errorf("not JSON: %s", record.Value)
		}
	}
	if seen["purchases"] != 4 || seen["browsing"] != 4 || seen["devices"] != 4 {
		t.Errorf("closing events by topic: %v", seen)
	}
}
