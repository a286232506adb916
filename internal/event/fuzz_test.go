package event

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// underTest is a decoder beside its reference.
type underTest struct {
	decoder   *Decoder
	reference reference
	event     Event
}

func sourcesUnderTest(tb testing.TB) []*underTest {
	tb.Helper()
	s := testSchema(tb)
	var all []*underTest
	for _, src := range []Source{
		{Name: "plain"},
		{Name: "mapped", Fields: map[string]string{"id": "p.id", "type": "p.type", "customer_id": "p.u.c", "time": "ts", "int": "p.int", "strings": "p.u.s", "string": `quo"ted`}},
		{Name: "fixed", Type: "kinds", Fields: map[string]string{"time": "time", "double": "p"}},
	} {
		all = append(all, &underTest{decoder: newTestDecoder(tb, s, src, s.All()), reference: reference{s, src}})
	}
	return all
}

func (u *underTest) check(record []byte) string {
	err := u.decoder.Decode(record, &u.event)
	want, reason := u.reference.decode(record)
	if what := differs(record, &u.event, err, want, reason); what != "" {
		return fmt.Sprintf("source %s: %q: %s\n decoder: %v %+v\n reference: %s %+v", u.reference.src.Name, record, what, err, u.event, reason, want)
	}
	return ""
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(benchRecord))
	f.Add([]byte(kinds(`"string":"\ud83d\ude00 \u0041\n","choice":"b c","int":3.0,"double":1e-5,"bool":true,"date":"2024-02-29","moment":"2024-02-29T00:00:00.5+07:00","strings":["a"]`)))
	f.Add([]byte(`{"p":{"id":"e","type":"kinds","u":{"c":"c","s":["x","y"]},"int":7},"ts":1700000000000.5}`))
	f.Add([]byte(`{"p":{"id":"e","type":"kinds","u":{"c":"c"}},"ts":1700000000000,"quo\"ted":"y"}`))
	f.Add([]byte(event("profile", `"city":null,"interests":[]`)))
	sources := sourcesUnderTest(f)
	f.Fuzz(func(t *testing.T, record []byte) {
		if len(record) > 1<<14 || hugeExponent(record) {
			var ev Event
			for _, u := range sources {
				_ = u.decoder.Decode(record, &ev)
			}
			return
		}
		for _, u := range sources {
			if what := u.check(record); what != "" {
				t.Fatal(what)
			}
		}
	})
}

func FuzzParseMoment(f *testing.F) {
	f.Add("2026-11-21T10:00:00.123456+07:00")
	f.Add("1969-12-31t23:59:59.9999z")
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := ParseMoment(s)
		want, wantOK := referenceMoment(s)
		if ok != wantOK || ok && got != want {
			t.Fatalf("%q: got %d, %v, want %d, %v", s, got, ok, want, wantOK)
		}
	})
}

// Random records made of what matters, good and broken.
func TestDecodeAgainstReference(t *testing.T) {
	seed := rand.Uint64()
	g := generator{rand.New(rand.NewPCG(seed, 0))}
	sources := sourcesUnderTest(t)
	for range 20_000 {
		record := []byte(g.record())
		for _, u := range sources {
			if what := u.check(record); what != "" {
				t.Fatalf("seed %d: %s", seed, what)
			}
		}
	}
}

type generator struct{ *rand.Rand }

func (g generator) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g generator) record() string {
	members := []string{
		`"id":"e"`, `"type":` + g.pick(`"kinds"`, `"kinds"`, `"profile"`, `"purchase"`, `"campaign"`, `"x"`), `"customer_id":"c"`,
		`"time":` + g.pick(`"2024-01-01T00:00:00Z"`, `"1969-12-31T23:59:59.99999-11:30"`, `"2024-01-01"`, `17000000`, `-1.5`),
	}
	if g.IntN(3) == 0 {
		members = []string{`"ts":` + g.pick(`12.5e2`, `"2024-01-01t00:00:00.5z"`, `-0.001`, `1e300`)}
		inside := []string{`"id":"e"`, `"type":"kinds"`, `"u":{"c":"c","s":["a"]}`, `"int":` + g.value(), `"u":{"s":["b"],"c":"d"}`}
		members = append(members, `"p":{`+g.join(inside)+`}`)
	}
	for range g.IntN(6) {
		members = append(members, g.name()+`:`+g.value())
	}
	record := "{" + g.join(members) + "}"
	for g.IntN(4) == 0 {
		record = g.broken(record)
	}
	return record
}

// join joins most of the members, in any order.
func (g generator) join(members []string) string {
	g.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	if g.IntN(8) == 0 {
		members = members[:g.IntN(len(members)+1)]
	}
	return strings.Join(members, g.pick(",", ", ", " ,\n"))
}

func (g generator) name() string {
	return g.pick(`"string"`, `"choice"`, `"int"`, `"double"`, `"bool"`, `"date"`, `"moment"`, `"strings"`, `"amount"`, `"action"`, `"city"`,
		`"p"`, `"id"`, `"type"`, `"\u0069nt"`, `"i\ud800nt"`, `"other"`, `""`)
}

func (g generator) value() string {
	switch g.IntN(9) {
	case 0:
		return g.pick("null", "true", "false", "nul", "True")
	case 1, 2:
		number := g.pick("", "-", "-0", "0") + g.pick("0", "1", "12", "9223372036854775807", "9223372036854775808", "18446744073709551616")
		return number + g.pick("", "", ".0", ".50", ".", "."+strings.Repeat("0", 20)+"1") + g.pick("", "", "e0", "E+2", "e-2", "e400", "e", "e-")
	case 3:
		return `[` + g.join([]string{g.value(), `"a"`, `"\u00e9"`}) + `]`
	case 4:
		return `{` + g.join([]string{g.name() + `:` + g.value(), g.name() + `:1`}) + `}`
	case 5:
		depth := 1 + g.IntN(70)
		if g.IntN(50) == 0 {
			depth = MaxDepth - 3 + g.IntN(6)
		}
		return strings.Repeat(`[`, depth) + strings.Repeat(`]`, depth)
	case 6:
		return `"` + g.pick("2024-02-29", "2023-02-29", "0000-01-01", "2024-01-01T00:00:00Z", "2024-01-01T00:00:60Z", "a", "b c", "sent") + `"`
	default:
		var b strings.Builder
		for range g.IntN(6) {
			b.WriteString(g.pick("a", "éé", "\\n", `\"`, `\\`, `\/`, `\u0041`, `\ud83d\ude00`, `\ud83d`, `\ude00`, `\ufffd`, "\ufffd", `\\ufffd`, "\x00", "\xff", "12345678", `\x`))
		}
		return `"` + b.String() + `"`
	}
}

// broken changes, drops or repeats a piece.
func (g generator) broken(record string) string {
	if record == "" {
		return record
	}
	i := g.IntN(len(record))
	switch g.IntN(3) {
	case 0:
		return record[:i] + g.pick(`"`, `{`, `}`, `[`, `]`, `,`, `:`, `\`, "\n", "0", "\xc3") + record[i+1:]
	case 1:
		return record[:i]
	default:
		j := i + g.IntN(len(record)-i)
		return record[:j] + record[i:]
	}
}
