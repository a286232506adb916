package workload

import (
	"bytes"
	"fmt"
)

// Rules returns the YAML of S10, S1000 or S10000 (n is 10, 1000 or 10000): the ten shapes of the benchmark, as they stand or in
// n/10 variants each. Another n is an error.
func Rules(n int) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("segments:\n")
	switch n {
	case 10:
		for _, s := range base {
			fmt.Fprintf(&out, "  %s:\n    when: '%s'\n", s.name, s.when)
		}
	case 1_000, 10_000:
		for _, s := range shapes {
			for k := range n / 10 {
				fmt.Fprintf(&out, "  %s_%d:\n    when: '%s'\n", s.name, k, s.variant(k, k%20, k/20))
			}
		}
	default:
		return nil, fmt.Errorf("there is no rule set of %d segments: 10, 1000 and 10000 are", n)
	}
	return out.Bytes(), nil
}

var base = []struct{ name, when string }{
	{"cart_abandoner", `cart_add.last("24h").not_followed_by(purchase, "30m").size() > 0`},
	{"big_spender", `purchase.last("30d").sum(p, p.amount) >= 1000`},
	{"frequent_buyer", `purchase.last("30d").size() >= 5`},
	{"lapsed", `purchase.size() > 0 && purchase.last("14d").size() == 0`},
	{"heavy_browser", `product_view.last("24h").size() >= 5`},
	{"explorer", `product_view.last("7d").distinct(v, v.category).size() >= 8`},
	{"new_buyer", `purchase.size() >= 1 && purchase.size() <= 2`},
	{"loyal", `purchase.size() >= 10`},
	{"phone_user", `device_seen.newest().device_type == "phone"`},
	{"premium", `purchase.last("60d").avg(p, p.amount) >= 150 && purchase.size() >= 2`},
}

// shapes give variant k of each segment, with c = k mod 20 and n = k div 20.
var shapes = []struct {
	name    string
	variant func(k, c, n int) string
}{
	{"cart_abandoner", func(_, c, n int) string {
		return fmt.Sprintf(`cart_add.last("%dh").filter(e, e.category == "cat%d").not_followed_by(purchase, "%dm").size() > 0`, 24+n, c, 30+n)
	}},
	{"big_spender", func(_, c, n int) string {
		return fmt.Sprintf(`purchase.last("%dh").filter(e, e.category == "cat%d").sum(p, p.amount) >= %d`, 720+n, c, 300+100*n)
	}},
	{"frequent_buyer", func(_, c, n int) string {
		return fmt.Sprintf(`purchase.last("%dh").filter(e, e.category == "cat%d").size() >= %d`, 720+n, c, 2+n)
	}},
	{"lapsed", func(_, c, n int) string {
		return fmt.Sprintf(`purchase.filter(e, e.category == "cat%d").size() > %d && purchase.last("%dh").size() == 0`, c, n, 336+n)
	}},
	{"heavy_browser", func(_, c, n int) string {
		return fmt.Sprintf(`product_view.last("%dh").filter(e, e.category == "cat%d").size() >= %d`, 24+n, c, 2+n)
	}},
	{"explorer", func(_, c, n int) string {
		return fmt.Sprintf(`product_view.last("%dh").filter(e, e.category == "cat%d").distinct(v, v.product_id).size() >= %d`, 168+n, c, 3+n)
	}},
	{"new_buyer", func(_, c, n int) string {
		return fmt.Sprintf(`purchase.filter(e, e.category == "cat%d").size() == %d`, c, 1+n)
	}},
	{"loyal", func(_, c, n int) string {
		return fmt.Sprintf(`purchase.filter(e, e.category == "cat%d").size() >= %d`, c, 3+n)
	}},
	{"phone_user", func(k, _, _ int) string {
		device := [...]string{"phone", "desktop", "tablet"}[k%3]
		return fmt.Sprintf(`device_seen.last("%dh").exists(d, d.device_type == "%s")`, 24+k, device)
	}},
	{"premium", func(_, c, n int) string {
		return fmt.Sprintf(`purchase.last("%dh").filter(e, e.category == "cat%d").avg(p, p.amount) >= %d`, 1440+n, c, 100+n)
	}},
}
