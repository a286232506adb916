package rule

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// accepted are expressions that must compile: every function of the contract, alone and in combination.
var accepted = []string{
	// windows and lists
	`purchase.last("90s").size() > 0`, `purchase.last("2w").size() > 0`, `purchase.before("30d").size() > 0`,
	`purchase.between("30m", "12h").size() == 0`, `purchase.after(refund).size() > 0`, `events.last("30d").size() > 3`,
	`events.exists(e, e.type == "profile" && e.time > ago("3d"))`,
	`cart_add.last("24h").not_followed_by(purchase, "30m").size() > 0`,
	`cart_add.not_followed_by(purchase.filter(p, p.amount > 5), "30m", "cart_id").size() > 0`,
	`cart_add.not_yet_followed_by(checkout.followed_by(purchase, "1h"), "30m").size() > 0`,
	`product_view.followed_by(cart_add.followed_by(checkout.followed_by(purchase, "1d", "cart_id"), "1d"), "1d").size() > 0`,
	`campaign.followed_by(campaign, "1d", "campaign_id").size() > 0`, `login.followed_by(login, "1m", "device_id").size() > 0`,
	`purchase.filter(p, p.amount > 100).last("30d").exists(p, p.category == "shoes")`,
	`purchase.last("30d").last("3d").before("1d").size() > 0`,
	`purchase.exists(p, refund.exists(r, r.order_id == p.order_id))`,
	`purchase.all(p, p.amount > 5.5) && !purchase.exists_one(p, p.items == 3)`,
	`purchase.last("30d").map(p, p.amount).size() > 3`, `purchase.map(p, p.amount).exists(x, x > 5.0)`,
	`purchase.last("30d").map(p, p.amount > 5, p.category) == ["a", "b"]`, `purchase.last("30d").map(p, p.amount) == [1.0]`,
	`purchase.last("30d").map(p, p.amount)[0] > 3`, `purchase.map(p, p.amount > 5, p).size() > 1`,
	`purchase.last("3d").exists(i, p, i == 0 && p.amount > 3)`, `purchase.last("3d").transformMap(i, p, p.amount)[0] > 3`,
	`(purchase.size() > 3 ? purchase.last("7d") : purchase.last("30d")).size() > 1`,
	`(purchase.size() > 3 ? purchase.newest() : purchase.first()).amount > 3`,
	`purchase.distinct(p, p.category).map(c, purchase.filter(p, p.category == c).size()).exists(n, n > 3)`,
	`purchase.filter(p, p.amount > purchase.avg(q, q.amount)).size() > 1`, `purchase.filter(p, in_segment("other")).size() > 3`,
	`purchase.exists(p, purchase.filter(q, q.category == p.category && q.time < p.time).size() > 3)`,
	`purchase.sum(p, p.time > ago("3d") ? p.amount : 0.0) > 3`, `purchase.filter(p, p.category in profile.interests).size() > 3`,
	// aggregates
	`purchase.sum(p, p.amount) >= 500`, `purchase.sum(p, p.items) == 5`, `purchase.avg(p, p.items) > 2`, `purchase.min(p, p.amount) < 3`,
	`purchase.max(p, p.time) > ago("3d")`, `purchase.min(p, p.amount * 2.0) < 3`, `purchase.max(p, p.items > 3 ? p.amount : 0.0) > 3`,
	`purchase.sum(p, p.amount) / double(purchase.size()) > 10.0`, `purchase.sum(p, p.amount) - refund.sum(r, r.amount) > 100`,
	`purchase.distinct(p, p.category).size() > 2`, `"shoes" in purchase.distinct(p, p.category)`,
	`purchase.distinct(p, p.category) == ["a"]`, `purchase.distinct(p, day(p.time)).size() >= 3`, `purchase.distinct(p, p.amount).size() > 1`,
	`purchase.count_by(p, p.category).exists(k, n, n >= 3)`, `purchase.count_by(p, p.items)[3] > 2`, `3 in purchase.count_by(p, p.items)`,
	`purchase.count_by(p, p.amount > 5)[true] > 2`, `purchase.sum_by(p, p.category, p.amount).all(k, s, s > 5)`,
	`purchase.sum_by(p, p.category, p.items)["shoes"] == 3`, `purchase.count_by(p, p.category).size() > 3`,
	`purchase.count_by(p, p.category).exists(k, k == "shoes")`, `purchase.count_by(p, day(p.time)).exists(d, n, n >= 3)`,
	`purchase.count_by(p, p.category).transformList(k, n, n).exists(n, n > 3)`,
	`has(purchase.newest().coupon)`, `purchase.first().amount < purchase.newest().amount`,
	`purchase.newest(3).all(p, p.amount > 100)`, `purchase.newest(3).sum(p, p.amount) > 3.5`, `purchase.newest(2).first().amount > 3`,
	`purchase.newest().id == "x"`, `purchase.newest().time > purchase.first().time`,
	`purchase.newest().time - purchase.first().time > duration("72h")`, `purchase.newest().time > refund.newest().time`,
	// the profile
	`profile.country == "ID"`, `profile.country != "ID"`, `has(profile.city) && !has(profile.income)`, `profile.household_size >= 3`,
	`profile.income >= 5000000`, `"golf" in profile.interests`, `profile.interests.exists(i, i.startsWith("run"))`,
	`profile.interests.size() > 2`, `profile.interests == ["a", "b"]`, `profile.values.filter(v, v != "x").size() > 1`,
	`profile.city.matches("^(?i)jak")`, `profile.city.contains("a") || profile.city.endsWith("b")`, `size(profile.city) > 3`,
	`profile.city in ["Jakarta", "Bogor"]`, `profile.birth_date < "1990"`, `profile.birth_date.startsWith("1990-05")`,
	`profile.customer_since == "2026-01-31"`, `profile.household_size in [1, 2]`, `double(profile.household_size) == profile.income`,
	`profile.signed_up > timestamp("2026-01-01T00:00:00+07:00")`, `profile.city + profile.country == "JakartaID"`,
	`profile.household_size % 2 == 0`, `-profile.household_size < 3`, `{"a": 1, "b": 2}["a"] == profile.household_size`,
	// now
	`now > timestamp("2026-12-01T00:00:00Z")`, `ago("3d") >= purchase.newest().time`, `purchase.exists(p, p.time > ago("3d"))`,
	`purchase.all(p, now >= p.time)`, `profile.signed_up < ago("7d")`, `now.getHours() >= 9 && now.getHours("Asia/Jakarta") < 17`,
	`now.getHours("+07:00") in [9, 10]`, `now.getDayOfWeek("Asia/Jakarta") == 5`, `now.getMonth() != 11`, `now.getFullYear() == 2026`,
	`now.getMinutes() < purchase.size()`, `day(now) == day(purchase.newest().time)`, `day(now) == "2026-08-17"`, `day(now) > "2026-08"`,
	`day(purchase.newest().time) == "2026-08-17"`, `day(now) == profile.birth_date`, `purchase.exists(p, day(p.time) == day(now))`,
	`day(now) in ["2026-08-17", "2026-12-25"]`, `purchase.exists(p, days_since(p.time) < 7)`, `days_since(profile.signed_up) == 30`,
	`days_since(purchase.newest().time) > profile.household_size + 3`, `days_until(profile.birth_date) in [0, 7, 30]`,
	`age(profile.birth_date) >= 18 && age(profile.birth_date) < 25`, `18 <= age(profile.birth_date)`, `age(profile.birth_date) != 30`,
	`days_until("2000-12-25") <= 3`, `days_until(day(profile.signed_up)) == 0`, `age(day(purchase.first().time)) >= 1`,
	`(days_since(purchase.newest().time) > 3 ? 1 : 2) == 1`, `days_since(timestamp("2026-01-01T00:00:00Z")) > 30`,
	`purchase.filter(p, p.time > ago("3d") && p.time.getHours("Asia/Jakarta") < 9).size() > 0`,
	`purchase.exists(p, p.time.getHours() == now.getHours())`, `(purchase.size() > 0) == (now.getHours() < 12)`,
	`purchase.min(p, p.time) < ago("365d")`, `(has(profile.signed_up) ? profile.signed_up : timestamp("2026-01-01T00:00:00Z")) < ago("3d")`,
	`purchase.last("30d").map(p, p.time).exists(t, t > ago("3d"))`,
	// names that stand for something else within
	`purchase.exists(now, now.amount > 5)`, `purchase.exists(purchase, purchase.amount > 5)`, `purchase.exists(feature, feature.amount > 5)`,
	`purchase.filter(profile, profile.amount > 5).size() > 0 && profile.city == "x"`, `.purchase.size() > 0 && .profile.signed_up > ago("1d") || .feature.spend > 3`,
	// logic
	`true`, `!(purchase.size() > 3) || false`, `purchase.size() > 3 ? profile.city == "a" : profile.city == "b"`,
	`[1, 2, 3].exists(n, n == purchase.size())`, `purchase.size() > 3.5`, `3.5 < purchase.size() && purchase.sum(p, p.amount) > 3`,
	`in_segment("other") || !in_segment("other")`, `purchase.exists(p, in_segment("other") && p.amount > 5)`,
	`device_seen.newest().device_type == "phone"`, `campaign.exists(c, c.action in ["opened", "clicked"] && c.channel != "push")`,
	`events.filter(e, e.type in ["purchase", "refund"]).size() > 3`, `device_seen.newest().push_enabled`,
	"purchase.size() > 3 // so many\n&& profile.city == \"x\"",
	`feature.spend > 500 && has(feature.spend) && feature.recency > 30 && feature.big.size() > 3 && feature.newest.amount > 5.0`,
	`feature.big.last("3d").exists(p, p.time > ago("1d")) && feature.first_time < ago("365d") && feature.recency in [7, 14]`,
	`feature.categories.exists(c, c == "shoes") && feature.by_category["shoes"] > 3 && feature.is_other`,
}

const acceptedFeatures = `
features:
  recency: days_since(feature.newest.time)
  newest: purchase.newest()
  spend: purchase.last("90d").sum(p, p.amount)
  big: purchase.filter(p, p.amount > 100)
  big_amounts: feature.big.last("90d").map(p, p.amount)
  first_time: purchase.first().time
  categories: purchase.distinct(p, p.category)
  by_category: purchase.count_by(p, p.category)
  is_other: in_segment("other")
  interests: profile.interests
  hour: now.getHours("Asia/Jakarta")
  today: day(now)
  gap: purchase.newest().time - purchase.first().time
  text: profile.city + ", " + profile.country
  flag: purchase.size() > 3
`

// rules is a file with one segment for an expression, beside the features above and the segment "other".
func rules(expr string) string {
	return acceptedFeatures + "segments:\n  other:\n    when: purchase.size() > 100\n  one:\n    when: |\n      " +
		strings.ReplaceAll(expr, "\n", "\n      ") + "\n"
}

func TestAccepted(t *testing.T) {
	s := schema(t)
	for _, expr := range accepted {
		set, err := Parse(s, map[string][]byte{"rules.yaml": []byte(rules(expr))})
		if err != nil {
			t.Errorf("%s\nis refused:\n%v", expr, err)
			continue
		}
		one := set.Segments[0]
		if one.Name == "other" {
			one = set.Segments[1]
		}
		if !one.When.AST.IsChecked() || one.When.Line == 0 {
			t.Errorf("%s: the expression is not whole: %+v", expr, *one.When)
		}
	}
}

// TestSpoilt takes a word out of accepted expressions, doubles one, or puts one of another in its place: whatever comes out is accepted or
// refused in words of the rules' own.
func TestSpoilt(t *testing.T) {
	s := schema(t)
	var words []string
	for _, expr := range accepted {
		for _, one := range newTokens(expr).list {
			words = append(words, one.text)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		expr := rapid.SampledFrom(accepted).Draw(t, "expression")
		list := newTokens(expr).list
		i := rapid.IntRange(0, len(list)-1).Draw(t, "at")
		var put string
		switch rapid.IntRange(0, 2).Draw(t, "how") {
		case 1:
			put = list[i].text + " " + list[i].text
		case 2:
			put = rapid.SampledFrom(words).Draw(t, "word")
		}
		spoilt := expr[:len(string([]rune(expr)[:list[i].start]))] + put + expr[len(string([]rune(expr)[:list[i].end])):]
		content := []byte("segments:\n  a:\n    when: |\n      " + strings.ReplaceAll(spoilt, "\n", "\n      ") + "\n")
		_, err := Parse(s, map[string][]byte{"a.yaml": content})
		if err == nil {
			return
		}
		var errs Errors
		if !errors.As(err, &errs) {
			t.Fatal(err)
		}
		for _, e := range errs {
			for _, foreign := range []string{"overload", "undeclared", "dyn(", "list(", "map(", "google.", "@", "Syntax", "expecting", "ERROR",
				"internal", "reserved identifier", "_var", "error)"} {
				if strings.Contains(e.Message, foreign) && !strings.Contains(spoilt, foreign) {
					t.Fatalf("%s\nis refused by words that say too little:\n%v", spoilt, e)
				}
			}
			if e.Line < 1 || e.Column < 1 || e.EndColumn <= e.Column {
				t.Fatalf("%s gives an error without a place: %+v", spoilt, *e)
			}
		}
	})
}
