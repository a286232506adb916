package study

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/replay"
	"github.com/ruas/ruas/internal/rule"
)

const running = `
features:
  spend: purchase.sum(p, p.amount)
  newest: purchase.newest().time
  towns: purchase
segments:
  buyer:
    when: purchase.size() >= 1
  spender:
    when: in_segment("buyer") && feature.spend >= 300
    include: [spend]
  away:
    when: purchase.size() >= 1 && purchase.last("20d").size() == 0
`

const draft = `
segments:
  spender:
    when: in_segment("buyer") && feature.spend >= 250 && !in_segment("away")
`

const (
	day     = 24 * 60 * 60 * 1000
	present = 20_000 * day // in 2024
)

func schemaAndRules(t testing.TB, text string) (*event.Schema, *engine.Engine) {
	t.Helper()
	schema, err := event.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	set, err := rule.Parse(schema, map[string][]byte{"running.yaml": []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(set, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return schema, e
}

// fact is an event and what the test knows of it.
type fact struct {
	source   int // 0: purchases, 1: profiles
	customer string
	at       int64
	cents    int64
	order    string
	currency string
	line     string
}

func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

var cities = []string{"Bandung", "Jakarta", "Medan"}

// shop makes a history of customers, of whom every seventh tells neither city nor birth date.
func shop(random *rand.Rand, customers, events int) (facts []fact, town map[string]string, born map[string]int) {
	town, born = map[string]string{}, map[string]int{}
	for i := range customers {
		id := fmt.Sprintf("c%d", i)
		at := int64(present - 100*day + i)
		attributes := `"gender":"x"`
		if i%7 != 0 {
			town[id], born[id] = cities[random.IntN(len(cities))], 1950+random.IntN(55)
			attributes = fmt.Sprintf(`"city":%q,"birth_date":"%d-01-01","interests":["batik","kopi"],"income":%d`, town[id], born[id], 100*i)
		}
		facts = append(facts, fact{source: 1, customer: id, at: at, line: fmt.Sprintf(
			`{"id":"p%d","type":"profile","customer_id":%q,"time":%q,%s}`, i, id, moment(at), attributes)})
	}
	for i := range events {
		f := fact{
			customer: fmt.Sprintf("c%d", random.IntN(customers)), at: present - 90*day + int64(i)*(90*day)/int64(events), cents: random.Int64N(20_000),
			currency: "IDR",
		}
		if random.IntN(2) == 0 {
			f.order = fmt.Sprintf("o%d", i/3) // of some customers two lines
		}
		if random.IntN(20) == 0 {
			f.currency = "USD"
		}
		more := ""
		if f.order != "" {
			more = fmt.Sprintf(`,"order_id":%q`, f.order)
		}
		f.line = fmt.Sprintf(`{"id":"e%d","type":"purchase","customer_id":%q,"time":%q,"amount":%d.%02d,"currency":%q%s}`,
			i, f.customer, moment(f.at), f.cents/100, f.cents%100, f.currency, more)
		facts = append(facts, f)
	}
	return facts, town, born
}

func partitionOf(key []byte, n int32) int32 {
	h := fnv.New32a()
	_, _ = h.Write(key)
	return int32(h.Sum32() % uint32(n))
}

// memory is a Scan of records in memory.
type memory struct {
	topics [][][]row // by topic and partition
	starts map[int]int64
	number int32
	next   []int
	closed bool
	wait   chan struct{} // nil: nothing waits
}

type row struct {
	key, value string
	at         int64
}

const partitions = 3

func newMemory(topics int) *memory {
	m := &memory{starts: map[int]int64{}}
	for range topics {
		m.topics = append(m.topics, make([][]row, partitions))
	}
	return m
}

func (m *memory) put(topic int, r row) {
	p := partitionOf([]byte(r.key), partitions)
	m.topics[topic][p] = append(m.topics[topic][p], r)
}

func (m *memory) Partitions() int32 { return partitions }

func (m *memory) Bounds(topic int, p int32) (from, to int64) {
	from = m.starts[topic]
	return from, from + int64(len(m.topics[topic][p]))
}

func (m *memory) Begin(p int32) error {
	m.number, m.next = p, make([]int, len(m.topics))
	return nil
}

func (m *memory) Next(ctx context.Context, topic int) (key, value []byte, timestamp, next int64, err error) {
	if m.wait != nil {
		select {
		case <-m.wait:
		case <-ctx.Done():
			return nil, nil, 0, 0, ctx.Err()
		}
	}
	rows := m.topics[topic][m.number]
	if m.next[topic] == len(rows) {
		return nil, nil, 0, 0, io.EOF
	}
	r := rows[m.next[topic]]
	m.next[topic]++
	return []byte(r.key), []byte(r.value), r.at, m.starts[topic] + int64(m.next[topic]), nil
}

func (m *memory) Ready(topic int) bool {
	return m.next[topic] < len(m.topics[topic][m.number]) && m.next[topic]%5 != 0
}
func (m *memory) Cut() []int { return nil }
func (m *memory) Close()     { m.closed = true }

func options(t testing.TB, m *memory, text string) Options {
	t.Helper()
	schema, e := schemaAndRules(t, text)
	return Options{
		Engine: func() *engine.Engine { return e }, Schema: schema,
		NewEngine: func(set *rule.Set) (*engine.Engine, error) { return engine.New(set, engine.Options{}) },
		Sources:   []event.Source{{Name: "purchases"}, {Name: "profiles"}}, Forgets: true, Partition: partitionOf, Share: 1,
		Open:    func(context.Context) (Scan, error) { return m, nil },
		Present: func() time.Time { return time.UnixMilli(present) },
	}
}

// outcome runs a study to its end.
func outcome(t testing.TB, opt Options, ask Request) *Result {
	t.Helper()
	d := NewDesk(opt)
	defer d.Close()
	s, err := d.Start(ask)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); ; {
		s, _ = d.Get(s.ID)
		if s.State == Done {
			break
		}
		if s.State == Failed || time.Now().After(end) {
			t.Fatalf("%+v", s)
		}
		time.Sleep(time.Millisecond)
	}
	if s.Progress.Read != s.Progress.Total || s.Progress.Total == 0 {
		t.Errorf("progress at the end: %+v", s.Progress)
	}
	return s.Result
}

// membersByReplay steps rules over the lines of all sources, and gives who is a member.
func membersByReplay(t *testing.T, text, segment string, facts []fact) map[string]bool {
	t.Helper()
	schema, e := schemaAndRules(t, text)
	until := int64(present)
	var in strings.Builder
	byTime := slices.Clone(facts)
	slices.SortStableFunc(byTime, func(a, b fact) int { return int(a.at - b.at) })
	for _, f := range byTime {
		in.WriteString(f.line + "\n")
	}
	done, err := replay.Run(t.Context(), replay.Options{
		Engine: e, Schema: schema, Files: []replay.File{{Path: "-"}}, Stdin: strings.NewReader(in.String()), Until: &until,
		Rejects: replay.Report{W: io.Discard}, Out: io.Discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	members := map[string]bool{}
	for c := range done.Each {
		members[c.ID()] = c.In(placeOf(e, segment))
	}
	return members
}

// truth adds up the sales of some customers from the facts.
func truth(facts []fact, in func(customer string) bool, since int64, customers []string) Figures {
	var (
		f      Figures
		cents  int64
		buyers = map[string]bool{}
		orders = map[string]bool{}
	)
	for _, c := range customers {
		if in(c) {
			f.Customers++
		}
	}
	for i, x := range facts {
		if x.source != 0 || x.currency != "IDR" || !in(x.customer) || x.at <= since {
			continue
		}
		order := x.order
		if order == "" {
			order = fmt.Sprint("alone ", i)
		}
		buyers[x.customer], orders[x.customer+" "+order] = true, true
		cents += x.cents
	}
	f.Buyers, f.Orders, f.Total = int64(len(buyers)), int64(len(orders)), amount(float64(cents)/100)
	if f.Orders > 0 {
		mean := float64(cents) / float64(100*f.Orders)
		f.AverageOrder = &mean
	}
	return f
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		g, _ := json.Marshal(got)
		w, _ := json.Marshal(want)
		t.Errorf("%s\ngot  %s\nwant %s", what, g, w)
	}
}

// TestStudyTellsTheTruth compares a preview with a replay over the same events, and its sales with the events added up.
func TestStudyTellsTheTruth(t *testing.T) {
	for _, since := range []string{"", "30d"} {
		seed := rand.Uint64()
		facts, town, born := shop(rand.New(rand.NewPCG(seed, 0)), 150, 1200)
		m := newMemory(3)
		for _, f := range facts {
			m.put(f.source, row{f.customer, f.line, f.at})
		}
		m.put(0, row{"c1", `{"id":"ahead","type":"purchase","customer_id":"c1","time":"2099-01-01T00:00:00Z","amount":9999}`, present})
		m.put(0, row{"c1", `{"id":"other","type":"purchase","customer_id":"c2","time":"2020-01-01T00:00:00Z","amount":9999}`, present})
		m.put(0, row{"c1", `none`, present})
		m.put(0, row{"c1", ``, present})
		got := outcome(t, options(t, m, running), Request{Segment: "spender", Rules: draft, Since: since})
		if !m.closed {
			t.Error("the scan was left open")
		}
		member := membersByReplay(t, strings.Replace(running, `in_segment("buyer") && feature.spend >= 300`,
			`in_segment("buyer") && feature.spend >= 250 && !in_segment("away")`, 1), "spender", facts)
		was := membersByReplay(t, running, "spender", facts)
		var want Result
		want.Against = &Against{}
		var customers []string
		for c, is := range member {
			customers = append(customers, c)
			want.Customers++
			for n, add := range map[*int64]bool{
				&want.Members: is, &want.Against.Members: was[c], &want.Against.Joins: is && !was[c], &want.Against.Leaves: was[c] && !is,
			} {
				if add {
					*n++
				}
			}
		}
		equal(t, "against", got.Against, want.Against)
		if got.Customers != want.Customers || got.Members != want.Members || got.Events != int64(len(facts)) || got.Rejected != 3 {
			t.Errorf("seed %d: got %d customers, %d members, %d events, %d rejected; want %d, %d, %d, 3", seed,
				got.Customers, got.Members, got.Events, got.Rejected, want.Customers, want.Members, len(facts))
		}
		if !got.Complete || got.AsOf != present || got.SourcesSince != present-100*day {
			t.Errorf("complete %v as of %v since %v", got.Complete, got.AsOf, got.SourcesSince)
		}
		for _, s := range got.Sample {
			if s.Member != member[s.Customer] || s.Was != was[s.Customer] {
				t.Errorf("sampled %+v, who is %v and was %v", s, member[s.Customer], was[s.Customer])
			}
		}
		if len(got.Sample) != min(sampled, int(got.Members+got.Against.Leaves)) {
			t.Errorf("%d sampled", len(got.Sample))
		}

		from, sales := int64(math.MinInt64), got.Sales
		if since != "" {
			from = present - 30*day
			if int64(sales.Since) != from {
				t.Errorf("sales since %v", sales.Since)
			}
		}
		all := func(string) bool { return true }
		in := func(c string) bool { return member[c] }
		equal(t, "everybody's sales", sales.Everybody, truth(facts, all, from, customers))
		equal(t, "members' sales", sales.Members, truth(facts, in, from, customers))
		if sales.Currency != "IDR" || len(sales.LeftOut) != 1 || sales.LeftOut[0].Currency != "USD" || sales.AtLeast {
			t.Errorf("currency %q, left out %v, at least %v", sales.Currency, sales.LeftOut, sales.AtLeast)
		}
		if len(sales.ByCity) != len(cities)+1 {
			t.Errorf("by city: %v", sales.ByCity)
		}
		for _, g := range sales.ByCity {
			here := func(c string) bool { return town[c] == g.Group }
			equal(t, "sales in "+g.Group, g.Everybody, truth(facts, here, from, customers))
			equal(t, "members' sales in "+g.Group, g.Members, truth(facts, func(c string) bool { return here(c) && in(c) }, from, customers))
		}
		ages := map[string][2]int{"18–24": {18, 25}, "25–34": {25, 35}, "35–44": {35, 45}, "45–54": {45, 55}, "55–64": {55, 65}, "65+": {65, 200}}
		for _, g := range sales.ByAge {
			aged := func(c string) bool {
				if g.Unknown {
					return born[c] == 0
				}
				age := time.UnixMilli(present).UTC().Year() - born[c]
				return born[c] > 0 && age >= ages[g.Group][0] && age < ages[g.Group][1]
			}
			equal(t, "sales at the age of "+g.Group, g.Everybody, truth(facts, aged, from, customers))
		}
		checkAttributes(t, got, town, member)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func checkAttributes(t *testing.T, got *Result, town map[string]string, member map[string]bool) {
	t.Helper()
	names := map[string]Attribute{}
	for _, a := range got.Attributes {
		names[a.Name] = a
		var customers, members int64
		for _, v := range a.Values {
			customers, members = customers+v.Customers, members+v.Members
		}
		if a.Name != "interests" && (customers+a.Missing.Customers != got.Customers || members+a.Missing.Members != got.Members) && a.Other == nil {
			t.Errorf("%s is of %d customers and %d members", a.Name, customers+a.Missing.Customers, members+a.Missing.Members)
		}
	}
	for _, name := range []string{"city", "birth_date", "interests", "income", "gender", "spend", "newest"} {
		if _, ok := names[name]; !ok {
			t.Errorf("%s is not compared", name)
		}
	}
	if names["birth_date"].Unit != Years || names["income"].Unit != Number || names["newest"].Unit != Days || names["newest"].Source != "feature" {
		t.Errorf("units: %+v", got.Attributes)
	}
	for _, v := range names["city"].Values {
		var want Value
		want.Value = v.Value
		for c, is := range member {
			if town[c] == v.Value {
				want.Customers++
				if is {
					want.Members++
				}
			}
		}
		equal(t, "city", v, want)
	}
	if !slices.IsSortedFunc(got.Attributes, func(a, b Attribute) int { return int(math.Copysign(1, b.Difference-a.Difference)) }) &&
		!slices.IsSortedFunc(got.Attributes, func(a, b Attribute) int {
			if a.Difference >= b.Difference {
				return -1
			}
			return 1
		}) {
		t.Error("attributes are not in the order of difference")
	}
}

// Of a customer who was forgotten only what came later counts.
func TestTheForgottenStayForgotten(t *testing.T) {
	line := func(id, customer string) string {
		return fmt.Sprintf(`{"id":%q,"type":"purchase","customer_id":%q,"time":%q,"amount":400}`, id, customer, moment(present-day))
	}
	m := newMemory(3)
	m.put(0, row{"gone", line("1", "gone"), 10})
	m.put(0, row{"back", line("2", "back"), 10})
	m.put(0, row{"back", line("3", "back"), 21})
	m.put(0, row{"here", line("4", "here"), 10})
	m.put(2, row{"gone", "{}", 20})
	m.put(2, row{"back", "{}", 20})
	m.starts[1] = 7
	got := outcome(t, options(t, m, running), Request{Segment: "spender"})
	if got.Customers != 2 || got.Members != 2 || got.Events != 2 || got.Sales.Everybody.Total != 800 || got.Against != nil {
		t.Errorf("%+v %+v", got, got.Sales)
	}
	if got.Complete || !slices.Equal(got.Incomplete, []string{"profiles"}) {
		t.Errorf("incomplete: %v", got.Incomplete)
	}
	text, err := json.Marshal(got)
	if err != nil || bytes.Contains(text, []byte("gone")) {
		t.Errorf("%v %s", err, text)
	}
}

func TestRefusals(t *testing.T) {
	d := NewDesk(options(t, newMemory(3), running))
	defer d.Close()
	var (
		mistakes rule.Errors
		missing  *NoSegment
	)
	if _, err := d.Start(Request{Segment: "spendr"}); !errors.As(err, &missing) || !slices.Contains(missing.Names, "spender") {
		t.Errorf("an unknown segment: %v", err)
	}
	if _, err := d.Start(Request{Segment: "spender", Since: "soon"}); !errors.Is(err, ErrSince) {
		t.Errorf("a duration that is none: %v", err)
	}
	_, err := d.Start(Request{Segment: "spender", Rules: "segments:\n  spender:\n    when: feature.spent > 3\n"})
	if !errors.As(err, &mistakes) || mistakes[0].File != DraftFile || mistakes[0].Line != 3 || mistakes[0].Suggestion != "spend" {
		t.Errorf("a mistake: %v", err)
	}
	// What no longer fits is told of the running rules.
	_, err = d.Start(Request{Segment: "spender", Rules: "features:\n  spend: '\"much\"'\n"})
	if mistakes = nil; !errors.As(err, &mistakes) || mistakes[0].File != "running.yaml" {
		t.Errorf("a feature of another type: %v", err)
	}
}

func TestDeskRunsOneAtATime(t *testing.T) {
	m := newMemory(3)
	m.put(0, row{"c", `{"id":"1","type":"purchase","customer_id":"c","time":"2020-01-01T00:00:00Z","amount":1}`, 1})
	m.wait = make(chan struct{})
	opt := options(t, m, running)
	now := time.UnixMilli(1)
	opt.Now = func() time.Time { return now }
	d := NewDesk(opt)
	defer d.Close()
	var ids []string
	for i := range mayWait + 2 {
		s, err := d.Start(Request{Segment: "buyer"})
		if full := i == mayWait+1; full != errors.Is(err, ErrBusy) || !full && err != nil {
			t.Fatalf("study %d: %v", i, err)
		}
		ids = append(ids, s.ID)
	}
	state := func(i int) State {
		s, _ := d.Get(ids[i])
		return s.State
	}
	if state(0) != Running || state(1) != Waiting {
		t.Errorf("%s, %s", state(0), state(1))
	}
	if !d.End(ids[0]) || d.End(ids[0]) || !d.End(ids[2]) {
		t.Error("a study is not ended, or ended twice")
	}
	until(t, func() bool { return state(1) == Running })
	close(m.wait)
	until(t, func() bool { return state(1) == Done && state(3) == Done && state(4) == Done })
	if state(0) != "" || state(2) != "" {
		t.Errorf("%s, %s", state(0), state(2))
	}
	d.mu.Lock()
	now = now.Add(keptFor)
	d.mu.Unlock()
	if state(1) != "" || len(d.all) != 0 {
		t.Errorf("%d studies are kept after their time", len(d.all))
	}
}

func until(t *testing.T, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come about")
		}
	}
}

// Whole numbers are told apart while they are few, then in groups that name what is in them.
func TestWholeNumbers(t *testing.T) {
	labels := func(most int64) (out []string) {
		n := newNumbers("items", "feature", true)
		for i := range most {
			n.add(feature.OfInt(i-1), i == 3)
		}
		a, _ := n.attribute(1, most)
		for _, v := range a.Values {
			out = append(out, fmt.Sprintf("%s:%d/%d", v.Value, v.Members, v.Customers))
		}
		return out
	}
	if got := strings.Join(labels(4), " "); got != "-1:0/1 0:0/1 1:0/1 2:1/1" {
		t.Error(got)
	}
	if got := strings.Join(labels(30), " "); got != "-1:0/1 0:0/1 1:0/1 2–4:1/3 5–9:0/5 10–19:0/10 20–49:0/9" {
		t.Error(got)
	}
}

// Of many texts the commonest are told apart, and the others count as one.
func TestManyTexts(t *testing.T) {
	n := newTally("code", "profile", Text, nil)
	for i := range 1000 {
		n.add(feature.OfString(fmt.Sprint(i)), i%2 == 0)
		n.add(feature.OfString("most"), true)
	}
	a, ok := n.attribute(1500, 2000)
	if !ok || len(a.Values) != shownValues || a.Values[0] != (Value{Value: "most", Members: 1000, Customers: 1000}) ||
		*a.Other != (Count{Values: 981, Members: 481, Customers: 981}) || a.Difference != 0.1698 {
		t.Errorf("%+v", a)
	}
}

func TestGroupsOfNumbers(t *testing.T) {
	for _, c := range []struct{ f, low, high float64 }{
		{0, 0, 0.001}, {0.5, 0.5, 1}, {1, 1, 2}, {1.99, 1, 2}, {2, 2, 5}, {7, 5, 10}, {999, 500, 1000}, {1000, 1000, 2000},
		{-0.7, -1, -0.5}, {-1, -1, -0.5}, {-3, -5, -2}, {1e300, 5e15, math.Inf(1)}, {-1e300, math.Inf(-1), -5e15},
	} {
		if low := lowEdge(numberEdges(), c.f); low != c.low || highEdge(numberEdges(), low) != c.high {
			t.Errorf("%v is in the group from %v below %v", c.f, low, highEdge(numberEdges(), low))
		}
	}
	if got := groupLabel(18, 25, true) + ", " + groupLabel(65, math.Inf(1), true) + ", " + groupLabel(0.5, 1, false); got != "18–24, 65+, 0.5 – < 1" {
		t.Error(got)
	}
}

// BenchmarkStudy studies a preview of 100,000 purchases of 10,000 customers; a read from Kafka comes on top.
func BenchmarkStudy(b *testing.B) {
	facts, _, _ := shop(rand.New(rand.NewPCG(1, 1)), 10_000, 100_000)
	m := newMemory(3)
	for _, f := range facts {
		m.put(f.source, row{f.customer, f.line, f.at})
	}
	opt := options(b, m, running)
	for name, rules := range map[string]string{"running": "", "preview": draft} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				outcome(b, opt, Request{Segment: "spender", Rules: rules})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(facts)), "ns/event")
		})
	}
}
