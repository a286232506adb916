package engine

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/feature"
)

// TestChangeAsJSON holds the shape of a change to the contract's, byte by byte.
func TestChangeAsJSON(t *testing.T) {
	b := newBench(t, []byte("segments:\n  big_spender: {when: purchase.size() > 0}\n"), Options{})
	rules := b.eng.RulesHash()
	when := time.Date(2026, 11, 21, 10, 0, 0, 123_000_000, time.UTC).UnixMilli()
	for _, c := range []struct {
		change Change
		want   string
	}{
		{
			Change{Customer: "c42", Join: true, Time: when, Cause: CauseEvent, EventID: "e9", Seq: 3, Features: []byte(`{"spend_90d":512.5}`)},
			`{"id":"ID","customer_id":"c42","segment":"big_spender","change":"join","time":"2026-11-21T10:00:00.123Z","cause":"event","event_id":"e9","seq":3,"rules":"RULES","features":{"spend_90d":512.5}}`,
		},
		{
			Change{Customer: "c42", Time: when - 123, Cause: CauseTime, Seq: 4},
			`{"id":"ID","customer_id":"c42","segment":"big_spender","change":"leave","time":"2026-11-21T10:00:00.000Z","cause":"time","seq":4,"rules":"RULES"}`,
		},
		{
			Change{Customer: "c\"1\"\n", Join: true, Time: -1, Cause: CauseRules, Seq: 1, Features: []byte(`{}`)},
			`{"id":"ID","customer_id":"c\"1\"\n","segment":"big_spender","change":"join","time":"1969-12-31T23:59:59.999Z","cause":"rules","seq":1,"rules":"RULES","features":{}}`,
		},
		{
			Change{Customer: "c1", Join: true, Time: 0, Cause: CauseBackfill, Seq: 1},
			`{"id":"ID","customer_id":"c1","segment":"big_spender","change":"join","time":"1970-01-01T00:00:00.000Z","cause":"backfill","seq":1,"rules":"RULES"}`,
		},
		{
			Change{Customer: "ünïcode \u2028 \u0001", Time: 5, Cause: CauseForget, Seq: 18446744073709551614},
			"{\"id\":\"ID\",\"customer_id\":\"ünïcode \u2028 \\u0001\",\"segment\":\"big_spender\",\"change\":\"leave\",\"time\":\"1970-01-01T00:00:00.005Z\",\"cause\":\"forget\",\"seq\":18446744073709551614,\"rules\":\"RULES\"}",
		},
	} {
		got := string(b.eng.AppendJSON(nil, &c.change))
		var read struct {
			ID       string `json:"id"`
			Customer string `json:"customer_id"`
		}
		if err := json.Unmarshal([]byte(got), &read); err != nil || len(read.ID) != 32 || read.Customer != c.change.Customer {
			t.Errorf("%s is read as %+v: %v", got, read, err)
		}
		want := strings.NewReplacer("ID", read.ID, "RULES", rules).Replace(c.want)
		if got != want {
			t.Errorf("the change is\n%s\nwant\n%s", got, want)
		}
	}
}

// TestIDOfAChange is stable: of the same customer, segment, seq and time it is the same in every release.
func TestIDOfAChange(t *testing.T) {
	base := Change{Customer: "c42", Seq: 3, Time: 1000}
	id := func(ch Change, segment string) string { return string(appendID(nil, &ch, segment)) }
	want := id(base, "big_spender")
	if want != goldenID {
		t.Errorf("the id is %s, want %s", want, goldenID)
	}
	same := base
	same.Join, same.Cause, same.EventID, same.Features = true, CauseRules, "e1", []byte("{}")
	if got := id(same, "big_spender"); got != want {
		t.Errorf("what is no part of a change's identity makes another id: %s", got)
	}
	seen := map[string]bool{want: true}
	for i, other := range []string{
		id(Change{Customer: "c43", Seq: 3, Time: 1000}, "big_spender"),
		id(Change{Customer: "c42", Seq: 4, Time: 1000}, "big_spender"),
		id(Change{Customer: "c42", Seq: 3, Time: 1001}, "big_spender"),
		id(base, "big_spende"), id(Change{Customer: "c42b", Seq: 3, Time: 1000}, "ig_spender"),
	} {
		if seen[other] {
			t.Errorf("change %d has the id of another", i)
		}
		seen[other] = true
	}
}

const goldenID = "92c3e41c69ce5a426a258386ba3ffd53"

func TestValuesAsJSON(t *testing.T) {
	for _, c := range []struct {
		v    feature.Val
		want string
	}{
		{feature.OfBool(true), "true"},
		{feature.OfInt(-5), "-5"},
		{feature.OfInt(math.MaxInt64), "9223372036854775807"},
		{feature.OfDouble(512.5), "512.5"},
		{feature.OfDouble(5), "5"},
		{feature.OfDouble(0.8), "0.8"},
		{feature.OfDouble(math.Copysign(0, -1)), "0"},
		{feature.OfDouble(1e21), "1e+21"},
		{feature.OfDouble(1e20), "100000000000000000000"},
		{feature.OfDouble(1e-7), "1e-07"},
		{feature.OfString("a\"\\\t\r\x01é"), `"a\"\\\t\r\u0001é"`},
		{feature.OfMoment(1_500), `"1970-01-01T00:00:01.500Z"`},
		{feature.OfObject([]string{"a", "b\""}), `["a","b\""]`},
		{feature.OfObject([]string(nil)), `[]`},
	} {
		got, ok := AppendValue(nil, c.v)
		if !ok || string(got) != c.want {
			t.Errorf("%v is written as %s, %v; want %s", c.v, got, ok, c.want)
		}
		if !json.Valid(got) {
			t.Errorf("%s is no JSON", got)
		}
	}
	for _, v := range []feature.Val{{}, feature.OfDouble(math.NaN()), feature.OfDouble(math.Inf(1)), feature.OfObject(struct{}{})} {
		if got, ok := AppendValue([]byte("x"), v); ok {
			t.Errorf("%v is written as %s", v, got)
		}
	}
}

// TestFeaturesOfAChange sends what a segment includes, as it is once all segments are decided, without what has no value.
func TestFeaturesOfAChange(t *testing.T) {
	b := newBench(t, []byte(`
features:
  spend: purchase.sum(p, p.amount)
  mean_quantity: cart_add.avg(c, c.quantity)
  last_category: purchase.newest().category
  other: in_segment("z")
  names: purchase.distinct(p, p.product_id)
  per_product: purchase.count_by(p, p.product_id)
segments:
  a:
    when: purchase.size() > 0
    include: [spend, mean_quantity, last_category, names]
  b:
    when: purchase.size() > 0
    include: [mean_quantity]
  z: {when: purchase.size() > 0}
  zz:
    when: purchase.size() > 0
    include: [other, spend]
`), Options{})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	var got []string
	for _, ch := range b.step(c, &clock, purchase("e1", 1000, `,"category":"shoes","product_id":"p\"1"`)) {
		got = append(got, fmt.Sprintf("%s %s", b.eng.Segments()[ch.Segment].Name, ch.Features))
	}
	expect(t, got, `a {"spend":1,"last_category":"shoes","names":["p\"1"]}`, `b {}`, `z `, `zz {"other":true,"spend":1}`)
}

func TestCauses(t *testing.T) {
	for cause, want := range map[Cause]string{
		CauseEvent: "event", CauseTime: "time", CauseRules: "rules", CauseBackfill: "backfill", CauseForget: "forget",
	} {
		if cause.String() != want {
			t.Errorf("cause %d is %s, want %s", cause, cause, want)
		}
	}
}

// TestAppendTime holds the writing of moments against the standard library's, around days, years and the ends of what it writes itself.
func TestAppendTime(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	check := func(ms int64) {
		t.Helper()
		want := time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
		if got := string(AppendTime(nil, ms)); got != want {
			t.Errorf("%d is written %s, want %s", ms, got, want)
		}
	}
	const last = 253402300799999 // of the year 9999
	for _, ms := range []int64{0, -1, 1, last, last + 1, last + 86_400_000, 951782400000, 951868799999, math.MinInt64 / 2, math.MaxInt64 / 2, -62135596800000} {
		check(ms)
	}
	for range 20_000 {
		ms := r.Int64N(last)
		check(ms)
		check(ms + r.Int64N(100_000))
	}
}
