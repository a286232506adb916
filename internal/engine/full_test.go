package engine

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkFullSeries steps a customer whose series are full under rules that look at each entry anew.
func BenchmarkFullSeries(b *testing.B) {
	for name, when := range map[string]string{
		"filter":   `search.last("90d").filter(s, s.query == profile.city).size() > 5`,
		"sequence": `search.last("90d").not_followed_by(purchase, "30m").size() > 5000`,
		"keys":     `search.last("90d").count_by(s, s.query).exists(q, n, n >= 300)`,
		"sum":      `purchase.last("90d").sum(p, p.amount) > 1e9`,
	} {
		b.Run(name, func(b *testing.B) {
			x := newBench(b, []byte("segments:\n  s:\n    when: |\n      "+when+"\n"), Options{})
			c, clock := x.eng.NewCustomer("c1"), int64(0)
			search := func(i int) string {
				return fmt.Sprintf(`{"id":"s%d","type":"search","customer_id":"c1","time":%q,"query":"q%d"}`, i, time.UnixMilli(int64(i)*1000).UTC().Format(time.RFC3339), i%50)
			}
			n := 4200
			for i := range n {
				x.step(c, &clock, search(i))
				x.step(c, &clock, purchase(fmt.Sprint("p", i), int64(i)*1000, ""))
			}
			for b.Loop() {
				n++
				x.step(c, &clock, search(n))
			}
		})
	}
}
