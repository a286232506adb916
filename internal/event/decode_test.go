package event

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// shipped returns the schemas that ship with ruas, and a type that has a property of every kind.
func testSchema(t testing.TB) *Schema {
	t.Helper()
	s, err := LoadSchema("testdata/kinds.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newTestDecoder(t testing.TB, s *Schema, src Source, needs Needs) *Decoder {
	t.Helper()
	d, err := NewDecoder(s, src, needs)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// props returns the values that are there, by name.
func props(ev *Event) map[string]Value {
	m := make(map[string]Value)
	for i, v := range ev.Props {
		if v.Kind != Missing {
			m[ev.Type.Properties[i].Name] = v
		}
	}
	return m
}

func str(s string) Value     { return Value{Kind: String, Str: s} }
func date(s string) Value    { return Value{Kind: Date, Str: s} }
func num(n int64) Value      { return Value{Kind: Int, Num: uint64(n)} }
func moment(ms int64) Value  { return Value{Kind: Moment, Num: uint64(ms)} }
func double(x float64) Value { return Value{Kind: Double, Num: math.Float64bits(x)} }
func boolean(n uint64) Value { return Value{Kind: Bool, Num: n} }
func list(s ...string) (v Value) {
	v.SetList(s)
	return v
}
func kinds(rest string) string { return event("kinds", rest) }

// event returns a good record of a type with more members.
func event(typeName, rest string) string {
	if rest != "" {
		rest = "," + rest
	}
	return `{"id":"e1","type":"` + typeName + `","customer_id":"c1","time":"1970-01-01T00:00:01Z"` + rest + `}`
}

func TestDecodeGood(t *testing.T) {
	s := testSchema(t)
	tests := []struct {
		name   string
		record string
		want   map[string]Value
	}{
		{"nothing but what must be there", kinds(``), nil},
		{"white space", " \t\r\n{ \"id\" : \"e1\" ,\n\"type\":\"kinds\",\"customer_id\":\"c1\"\r,\"time\"\t:\"1970-01-01T00:00:01Z\" , \"int\" : 1 } \n", map[string]Value{"int": num(1)}},
		{"properties before the type", `{"double":1,"int":2,"string":"x","time":"1970-01-01T00:00:01Z","customer_id":"c1","id":"e1","type":"kinds"}`,
			map[string]Value{"double": double(1), "int": num(2), "string": str("x")}},

		{"string", kinds(`"string":"text"`), map[string]Value{"string": str("text")}},
		{"empty string", kinds(`"string":""`), map[string]Value{"string": str("")}},
		{"every escape", kinds(`"string":"\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC"`), map[string]Value{"string": str("\"\\/\b\f\n\r\tAé€")}},
		{"escaped zero", kinds(`"string":"\u0000"`), map[string]Value{"string": str("\x00")}},
		{"surrogate pair", kinds(`"string":"\ud83d\uDE00!"`), map[string]Value{"string": str("😀!")}},
		{"UTF-8 as it stands", kinds(`"string":"é€😀"`), map[string]Value{"string": str("é€😀")}},
		{"delete is no control character", kinds("\"string\":\"\x7f\""), map[string]Value{"string": str("\x7f")}},
		{"escapes at every distance", kinds(`"string":"1234567\"1234567\\12\n"`), map[string]Value{"string": str("1234567\"1234567\\12\n")}},
		{"escaped names", `{"\u0069d":"e1","t\u0079pe":"kinds","customer_id":"c1","time":"1970-01-01T00:00:01Z","\u0069nt":5}`, map[string]Value{"int": num(5)}},
		{"escaped required strings", `{"id":"\u0065\u0031","type":"\u006binds","customer_id":"\u0063\u0031","time":"1970-01-01T00:00:01\u005a"}`, nil},
		{"a listed choice", kinds(`"choice":"b c"`), map[string]Value{"choice": str("b c")}},
		{"a listed choice, escaped", kinds(`"choice":"b\u0020c"`), map[string]Value{"choice": str("b c")}},

		{"integer", kinds(`"int":42`), map[string]Value{"int": num(42)}},
		{"negative integer", kinds(`"int":-42`), map[string]Value{"int": num(-42)}},
		{"minus zero", kinds(`"int":-0`), map[string]Value{"int": num(0)}},
		{"3.0 is an integer", kinds(`"int":3.0`), map[string]Value{"int": num(3)}},
		{"3e0 is an integer", kinds(`"int":3e0`), map[string]Value{"int": num(3)}},
		{"1.5e1 is an integer", kinds(`"int":1.5e1`), map[string]Value{"int": num(15)}},
		{"1200e-2 is an integer", kinds(`"int":1200E-2`), map[string]Value{"int": num(12)}},
		{"greatest integer", kinds(`"int":9223372036854775807`), map[string]Value{"int": num(math.MaxInt64)}},
		{"least integer", kinds(`"int":-9223372036854775808`), map[string]Value{"int": num(math.MinInt64)}},
		{"greatest integer as a fraction", kinds(`"int":9.223372036854775807e18`), map[string]Value{"int": num(math.MaxInt64)}},
		{"an integer that no double holds", kinds(`"int":9007199254740993`), map[string]Value{"int": num(9007199254740993)}},
		{"zero with a great exponent", kinds(`"int":0e999999999999`), map[string]Value{"int": num(0)}},

		{"double", kinds(`"double":19.99`), map[string]Value{"double": double(19.99)}},
		{"an integer is a number", kinds(`"double":7`), map[string]Value{"double": double(7)}},
		{"greatest double", kinds(`"double":1.7976931348623157e308`), map[string]Value{"double": double(math.MaxFloat64)}},
		{"below the least double", kinds(`"double":1e-999`), map[string]Value{"double": double(0)}},
		{"true", kinds(`"bool":true`), map[string]Value{"bool": boolean(1)}},
		{"false", kinds(`"bool":false`), map[string]Value{"bool": boolean(0)}},

		{"date", kinds(`"date":"2024-02-29"`), map[string]Value{"date": date("2024-02-29")}},
		{"escaped date", kinds(`"date":"2024\u002d02-29"`), map[string]Value{"date": date("2024-02-29")}},
		{"moment", kinds(`"moment":"1970-01-01T07:00:00.0019+07:00"`), map[string]Value{"moment": moment(1)}},

		{"list", kinds(`"strings":["a","b\n",""]`), map[string]Value{"strings": list("a", "b\n", "")}},
		{"empty list", kinds(`"strings":[ ]`), map[string]Value{"strings": list()}},
		{"list with space", kinds(`"strings":[ "a" , "b" ]`), map[string]Value{"strings": list("a", "b")}},

		{"null is as if it were not there", kinds(`"string":null,"int":null,"double":null,"bool":null,"date":null,"moment":null,"strings":null,"choice":null`), nil},
		{"not declared: ignored", kinds(`"more":1,"nested":{"int":"x","id":5,"a":[1,[2,{"b":null}]]},"literal":[true,false,null]`), nil},
		{"declared for another type only: ignored", kinds(`"amount":"no number"`), nil},
		{"not declared: beyond a double, half a surrogate pair", kinds(`"more":1e999,"text":"\ud800"`), nil},
		{"a name with half a surrogate pair", kinds(`"\ud800":1`), nil},

		{"of one name twice the last counts", kinds(`"int":1,"int":2`), map[string]Value{"int": num(2)}},
		{"only the last is judged", kinds(`"int":"x","int":2,"date":1,"date":"2024-01-01","choice":"z","choice":null`), map[string]Value{"int": num(2), "date": date("2024-01-01")}},
		{"the last is escaped", kinds(`"int":1,"\u0069nt":2`), map[string]Value{"int": num(2)}},
		{"id twice", `{"id":5,"type":"nothing","customer_id":"","time":"x","id":"e1","type":"kinds","customer_id":"c1","time":"1970-01-01T00:00:01Z"}`, nil},

		{"as deep as can be", kinds(`"more":` + strings.Repeat("[", MaxDepth-1) + strings.Repeat("]", MaxDepth-1)), nil},
	}
	d := newTestDecoder(t, s, Source{}, s.All())
	var ev Event
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := d.Decode([]byte(tt.record), &ev); err != nil {
				t.Fatalf("%s: %v", tt.record, err)
			}
			if ev.ID != "e1" || ev.Type != s.Type("kinds") || ev.Customer != "c1" || ev.Time != 1000 {
				t.Errorf("got id %q, type %v, customer %q, time %d", ev.ID, ev.Type, ev.Customer, ev.Time)
			}
			got := props(&ev)
			if len(got) != len(tt.want) || len(got) > 0 && !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s:\n got %v\nwant %v", tt.record, got, tt.want)
			}
		})
	}
}

func TestDecodeReject(t *testing.T) {
	s := testSchema(t)
	good := event("purchase", `"amount":1`)
	tests := []struct {
		record string
		reason Reason
		detail string // the message's end
	}{
		{``, ReasonJSON, "the record is empty"},
		{"  \n", ReasonJSON, "the record is empty"},
		{`[]`, ReasonJSON, "the record is a list, not an object"},
		{`"x"`, ReasonJSON, "the record is a string, not an object"},
		{`1`, ReasonJSON, "the record is a number, not an object"},
		{`null`, ReasonJSON, "the record is null, not an object"},
		{`{`, ReasonJSON, "cut short, at byte 1"},
		{`{"id":"e`, ReasonJSON, "cut short, at byte 8"},
		{`{"id"`, ReasonJSON, "cut short, at byte 5"},
		{`{"id":`, ReasonJSON, "cut short, at byte 6"},
		{good[:len(good)-1], ReasonJSON, fmt.Sprintf("cut short, at byte %d", len(good)-1)},
		{good + `x`, ReasonJSON, fmt.Sprintf("'x' at byte %d, behind the object", len(good))},
		{good + good, ReasonJSON, "behind the object"},
		{"\ufeff" + good, ReasonJSON, `unexpected '\ufeff' at byte 0`},
		{`{,}`, ReasonJSON, "unexpected ',' at byte 1"},
		{`{"a":1,}`, ReasonJSON, "unexpected '}' at byte 7"},
		{`{"a" 1}`, ReasonJSON, "unexpected '1' at byte 5"},
		{`{"a":1 "b":2}`, ReasonJSON, `unexpected '"' at byte 7`},
		{`{a:1}`, ReasonJSON, "unexpected 'a' at byte 1"},
		{`{'a':1}`, ReasonJSON, `unexpected '\'' at byte 1`},
		{`{"a":[1,]}`, ReasonJSON, "unexpected ']' at byte 8"},
		{`{"a":[1 2]}`, ReasonJSON, "unexpected '2' at byte 8"},
		{`{"a":[}`, ReasonJSON, "unexpected '}' at byte 6"},
		{`{"a":tru}`, ReasonJSON, "unexpected '}' at byte 8"},
		{`{"a":True}`, ReasonJSON, "unexpected 'T' at byte 5"},
		{`{"a":NaN}`, ReasonJSON, "unexpected 'N' at byte 5"},
		{`{"a":nulll}`, ReasonJSON, "unexpected 'l' at byte 9"},
		{`{"a":01}`, ReasonJSON, "unexpected '1' at byte 6"},
		{`{"a":+1}`, ReasonJSON, "unexpected '+' at byte 5"},
		{`{"a":.5}`, ReasonJSON, "unexpected '.' at byte 5"},
		{`{"a":1.}`, ReasonJSON, "unexpected '}' at byte 7"},
		{`{"a":-}`, ReasonJSON, "unexpected '}' at byte 6"},
		{`{"a":1e}`, ReasonJSON, "unexpected '}' at byte 7"},
		{`{"a":1e+}`, ReasonJSON, "unexpected '}' at byte 8"},
		{`{"a":0x1}`, ReasonJSON, "unexpected 'x' at byte 6"},
		{"{\"a\":\"\n\"}", ReasonJSON, `unexpected '\n' at byte 6`},
		{"{\"a\":\"12345678\x00\"}", ReasonJSON, `unexpected '\x00' at byte 14`},
		{`{"a":"\x"}`, ReasonJSON, "unexpected 'x' at byte 7"},
		{`{"a":"\u12g4"}`, ReasonJSON, "unexpected 'g' at byte 10"},
		{`{"a":"\`, ReasonJSON, "cut short, at byte 7"},
		{`{"a":"\u00`, ReasonJSON, "cut short, at byte 10"},
		{`{"a":1 // comment` + "\n}", ReasonJSON, "unexpected '/' at byte 7"},
		{"{\"a\":\"\xff\"}", ReasonJSON, "no UTF-8 at byte 6"},
		{"{\"a\":\"\xed\xa0\x80\"}", ReasonJSON, "no UTF-8 at byte 6"},
		{"{\"name\xff\":1}", ReasonJSON, "no UTF-8 at byte 6"},
		{"{\"a\":[\"long enough for a word \xff\"]}", ReasonJSON, "no UTF-8 at byte 30"},
		{"{\"a\":\"\\n\xff\"}", ReasonJSON, "no UTF-8 at byte 8"},
		{"{\"a\":1}\xff", ReasonJSON, "no UTF-8 at byte 7"},
		{"{\"a\":nul, \"b\":\"\xff\"}", ReasonJSON, "no UTF-8 at byte 15"},
		{"{\"a\":\"\xc0\x80\"}", ReasonJSON, "no UTF-8 at byte 6"},
		{kinds(`"more":` + strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth)), ReasonDepth, "at byte 10081"},
		{strings.Repeat(`{"a":`, MaxDepth+1) + "1" + strings.Repeat("}", MaxDepth+1), ReasonDepth, "at byte 50000"},
		{strings.Repeat("[", 100000), ReasonDepth, "at byte 10000"},
		{`{"a":"` + strings.Repeat("x", MaxRecord) + `"}`, ReasonSize, "1048584 bytes"},

		{`{}`, ReasonField, "id is missing"},
		{`{"id":null,"type":"login","customer_id":"c","time":"2026-11-21T10:00:00Z"}`, ReasonField, "id is null"},
		{`{"id":1,"type":"login","customer_id":"c","time":"2026-11-21T10:00:00Z"}`, ReasonField, "id is a number"},
		{`{"id":"","type":"login","customer_id":"c","time":"2026-11-21T10:00:00Z"}`, ReasonField, "id is empty"},
		{`{"id":"\udc00","type":"login","customer_id":"c","time":"2026-11-21T10:00:00Z"}`, ReasonText, "id"},
		{`{"id":"` + strings.Repeat("x", MaxField+1) + `","type":"login","customer_id":"c","time":"2026-11-21T10:00:00Z"}`, ReasonField, "id is 32769 bytes long"},
		{`{"id":"e","customer_id":"c","time":"2026-11-21T10:00:00Z"}`, ReasonField, "type is missing"},
		{`{"id":"e","type":["login"],"customer_id":"c","time":"2026-11-21T10:00:00Z"}`, ReasonField, "type is a list"},
		{`{"id":"e","type":"","customer_id":"c","time":"2026-11-21T10:00:00Z"}`, ReasonField, "type is empty"},
		{`{"id":"e","type":"logout","customer_id":"c","time":"2026-11-21T10:00:00Z"}`, ReasonType, `no schema declares the type "logout"`},
		{`{"id":"e","type":"Login","customer_id":"c","time":"2026-11-21T10:00:00Z"}`, ReasonType, `no schema declares the type "Login"`},
		{`{"id":"e","type":"login","time":"2026-11-21T10:00:00Z"}`, ReasonField, "customer_id is missing"},
		{`{"id":"e","type":"login","customer_id":7,"time":"2026-11-21T10:00:00Z"}`, ReasonField, "customer_id is a number"},
		{`{"id":"e","type":"login","customer_id":{},"time":"2026-11-21T10:00:00Z"}`, ReasonField, "customer_id is an object"},
		{`{"id":"e","type":"login","customer_id":"","time":"2026-11-21T10:00:00Z"}`, ReasonField, "customer_id is empty"},
		{`{"id":"e","type":"login","customer_id":"c"}`, ReasonField, "time is missing"},
		{`{"id":"e","type":"login","customer_id":"c","time":null}`, ReasonField, "time is null"},
		{`{"id":"e","type":"login","customer_id":"c","time":true}`, ReasonField, "time is a boolean"},
		{`{"id":"e","type":"login","customer_id":"c","time":1700000000000}`, ReasonField, "time is a number: one of milliseconds is read where the source maps it, as by fields: {time: time}"},
		{`{"id":"e","type":"login","customer_id":"c","time":""}`, ReasonField, "time is empty"},
		{`{"id":"e","type":"login","customer_id":"c","time":"2026-11-21T10:00:00"}`, ReasonTime, `time: "2026-11-21T10:00:00" is no RFC 3339 time with a zone`},

		{event("purchase", ``), ReasonMissing, "purchase.amount is missing"},
		{event("purchase", `"amount":null`), ReasonMissing, "purchase.amount is null"},
		{event("purchase", `"amount":3,"amount":null`), ReasonMissing, "purchase.amount is null"},
		{event("campaign", `"action":"bounced"`), ReasonChoice, `campaign.action is "bounced", and may be sent, delivered, opened, clicked, converted, unsubscribed`},
		{event("login", `"device_type":"Phone"`), ReasonChoice, `and may be phone, tablet, desktop, tv, pos`},
		{event("login", `"device_type":""`), ReasonChoice, `login.device_type is "", and may be phone, tablet, desktop, tv, pos`},

		{kinds(`"string":1`), ReasonProperty, "kinds.string is a number, and declared as a string"},
		{kinds(`"string":["a"]`), ReasonProperty, "kinds.string is a list, and declared as a string"},
		{kinds(`"string":"\ud83d"`), ReasonText, `kinds.string is "\ud83d"`},
		{kinds(`"string":"\ud83dxxxxxx"`), ReasonText, `kinds.string is "\ud83dxxxxxx"`},
		{kinds(`"string":"\ude00\ud83d"`), ReasonText, `kinds.string is "\ude00\ud83d"`},
		{kinds(`"string":"\ud83d\u0041"`), ReasonText, `kinds.string is "\ud83d\u0041"`},
		{kinds(`"choice":1`), ReasonProperty, "kinds.choice is a number, and declared as a string"},
		{kinds(`"choice":"B C"`), ReasonChoice, `kinds.choice is "B C", and may be a, b c`},
		{kinds(`"int":"3"`), ReasonProperty, "kinds.int is a string, and declared as an integer"},
		{kinds(`"int":2.5`), ReasonProperty, "kinds.int is 2.5, which is no integer"},
		{kinds(`"int":1e-1`), ReasonProperty, "kinds.int is 1e-1, which is no integer"},
		{kinds(`"int":1e-999999999999`), ReasonProperty, "kinds.int is 1e-999999999999, which is no integer"},
		{kinds(`"int":9223372036854775808`), ReasonNumber, "kinds.int is 9223372036854775808"},
		{kinds(`"int":-9223372036854775809`), ReasonNumber, "kinds.int is -9223372036854775809"},
		{kinds(`"int":1e19`), ReasonNumber, "kinds.int is 1e19"},
		{kinds(`"int":1e999999999999`), ReasonNumber, "kinds.int is 1e999999999999"},
		{kinds(`"double":"1"`), ReasonProperty, "kinds.double is a string, and declared as a number"},
		{kinds(`"double":1e309`), ReasonNumber, "kinds.double is 1e309"},
		{kinds(`"double":-1.8E308`), ReasonNumber, "kinds.double is -1.8E308"},
		{kinds(`"double":1` + strings.Repeat("0", 309)), ReasonNumber, "kinds.double is 1" + strings.Repeat("0", 59) + "…"},
		{kinds(`"bool":"true"`), ReasonProperty, "kinds.bool is a string, and declared as a boolean"},
		{kinds(`"bool":1`), ReasonProperty, "kinds.bool is a number, and declared as a boolean"},
		{kinds(`"date":20240101`), ReasonProperty, "kinds.date is a number, and declared as a date"},
		{kinds(`"date":"2023-02-29"`), ReasonDate, `kinds.date is "2023-02-29"`},
		{kinds(`"date":"2024-01-01T00:00:00Z"`), ReasonDate, `kinds.date is "2024-01-01T00:00:00Z"`},
		{kinds(`"date":""`), ReasonDate, `kinds.date is ""`},
		{kinds(`"moment":1700000000000`), ReasonProperty, "kinds.moment is a number, and declared as a moment"},
		{kinds(`"moment":"2024-01-01"`), ReasonMoment, `kinds.moment is "2024-01-01"`},
		{kinds(`"strings":"a"`), ReasonProperty, "kinds.strings is a string, and declared as a list of strings"},
		{kinds(`"strings":["a",1]`), ReasonProperty, "kinds.strings is a list, but not of strings alone"},
		{kinds(`"strings":[null]`), ReasonProperty, "kinds.strings is a list, but not of strings alone"},
		{kinds(`"strings":[["a"]]`), ReasonProperty, "kinds.strings is a list, but not of strings alone"},
		{kinds(`"strings":["\ud800"]`), ReasonText, `kinds.strings is ["\ud800"]`},
		{kinds(`"strings":{}`), ReasonProperty, "kinds.strings is an object, and declared as a list of strings"},
		{kinds(`"string":` + `{"` + strings.Repeat("é", 60) + `":1}`), ReasonProperty, "kinds.string is an object, and declared as a string"},
	}
	// What nothing reads is validated too.
	for name, needs := range map[string]Needs{"all": s.All(), "none": nil} {
		d := newTestDecoder(t, s, Source{}, needs)
		var ev Event
		for _, tt := range tests {
			shown := tt.record[:min(len(tt.record), 200)]
			err := d.Decode([]byte(tt.record), &ev)
			var r *Reject
			if !errors.As(err, &r) {
				t.Errorf("%s: %s: got %v, want %s", name, shown, err, tt.reason)
				continue
			}
			if r.Reason != tt.reason || !strings.HasSuffix(r.Detail, tt.detail) {
				t.Errorf("%s: %s:\n got %v\nwant %s: … %s", name, shown, r, tt.reason, tt.detail)
			}
			if len(r.Detail) > 300 {
				t.Errorf("%s: the detail is %d bytes long", shown, len(r.Detail))
			}
			// A bad record leaves nothing behind.
			if err := d.Decode([]byte(good), &ev); err != nil {
				t.Fatalf("after %s: %v", shown, err)
			}
		}
	}
}

func TestDecodeProfile(t *testing.T) {
	s := testSchema(t)
	d := newTestDecoder(t, s, Source{}, s.All())
	var ev Event
	record := event("profile", `"city":null,"income":5e6,"interests":["running","cooking"],"values":[],"birth_date":"1990-04-21","signed_up":"1970-01-01T00:00:00.001Z","household_size":4,"unknown":null`)
	if err := d.Decode([]byte(record), &ev); err != nil {
		t.Fatal(err)
	}
	want := map[string]Value{
		"city": {Kind: Null}, "income": double(5e6), "interests": list("running", "cooking"), "values": list(),
		"birth_date": date("1990-04-21"), "signed_up": moment(1), "household_size": num(4),
	}
	if got := props(&ev); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestDecodeNeeds(t *testing.T) {
	s := testSchema(t)
	record := []byte(kinds(`"string":"a\n","int":1,"double":2,"bool":true,"date":"2024-01-01","strings":["x"]`))
	var ev Event
	all := newTestDecoder(t, s, Source{}, s.All())
	if err := all.Decode(record, &ev); err != nil {
		t.Fatal(err)
	}
	some := newTestDecoder(t, s, Source{}, Needs{"kinds": {"int": true}})
	if err := some.Decode(record, &ev); err != nil {
		t.Fatal(err)
	}
	if got, want := props(&ev), map[string]Value{"int": num(1)}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	nulls := newTestDecoder(t, s, Source{}, Needs{"profile": {"city": true}})
	if err := nulls.Decode([]byte(event("profile", `"city":null,"country":null`)), &ev); err != nil {
		t.Fatal(err)
	}
	if got, want := props(&ev), map[string]Value{"city": {Kind: Null}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A name that JSON escapes came before: no other bytes may pass for it.
func TestDecodeAfterEscapedName(t *testing.T) {
	d := newTestDecoder(t, testSchema(t), Source{Name: "app", Type: "kinds", Fields: map[string]string{"string": `quo"ted`}}, nil)
	const record = `{"quo\"ted":"y","id":"e1","customer_id":"c1","time":"1970-01-01T00:00:01Z"}`
	var ev Event
	for range 2 {
		if err := d.Decode([]byte(record), &ev); err != nil {
			t.Fatal(err)
		}
	}
	err := d.Decode([]byte(strings.Replace(record, `"quo\"ted":`, "\xff", 1)), &ev)
	if reject := new(Reject); !errors.As(err, &reject) || reject.Reason != ReasonJSON {
		t.Errorf("got %v", err)
	}
}

func TestDecodeMapped(t *testing.T) {
	s := testSchema(t)
	app := Source{Name: "app", Fields: map[string]string{
		"id": "event_id", "customer_id": "payload.user.id", "time": "ts", "type": "payload.kind", "amount": "payload.total",
		"strings": `a\.b.c\\d`, "string": `quo"ted`,
	}}
	const whole = `{"event_id":"e1","ts":1000,"payload":{"kind":"purchase","user":{"id":"c1"},"total":5}}`
	tests := []struct {
		name   string
		src    Source
		record string
		reason Reason // of a Reject
		detail string
		time   int64
		want   map[string]Value
	}{
		{"everything mapped", app, whole, "", "", 1000, map[string]Value{"amount": double(5)}},
		{"only the mapped place counts", app,
			`{"id":"x","customer_id":5,"time":"no","type":"login","amount":"no","event_id":"e1","ts":1000,"payload":{"kind":"purchase","user":{"id":"c1"},"total":5}}`,
			"", "", 1000, map[string]Value{"amount": double(5)}},
		{"the own name is no place any more", app, `{"id":"e1","ts":1000,"payload":{"kind":"purchase","user":{"id":"c1"},"total":5}}`, ReasonField, "id (event_id) is missing", 0, nil},
		{"a parent is missing", app, `{"event_id":"e1","ts":1000,"payload":{"kind":"purchase","total":5}}`, ReasonField, "customer_id (payload.user.id) is missing", 0, nil},
		{"a parent is no object", app, `{"event_id":"e1","ts":1000,"payload":{"kind":"purchase","user":"c1","total":5}}`, ReasonField, "customer_id (payload.user.id) is missing", 0, nil},
		{"a parent is a list", app, `{"event_id":"e1","ts":1000,"payload":{"kind":"purchase","user":[{"id":"c1"}],"total":5}}`, ReasonField, "customer_id (payload.user.id) is missing", 0, nil},
		{"a mapped property is wrong", app, `{"event_id":"e1","ts":1000,"payload":{"kind":"purchase","user":{"id":"c1"},"total":"5"}}`, ReasonProperty, "purchase.amount (payload.total) is a string, and declared as a number", 0, nil},
		{"a mapped property is missing", app, `{"event_id":"e1","ts":1000,"amount":5,"payload":{"kind":"purchase","user":{"id":"c1"}}}`, ReasonMissing, "purchase.amount (payload.total) is missing", 0, nil},
		{"of one parent twice the last counts", app, `{"payload":{"kind":5,"user":{"id":"no"},"total":"no"},` + whole[1:], "", "", 1000, map[string]Value{"amount": double(5)}},
		{"nothing is left of the first", app, `{"event_id":"e1","ts":1000,"payload":{"kind":"purchase","user":{"id":"c1"},"total":5},"payload":{"kind":"purchase","user":{"id":"c1"}}}`, ReasonMissing, "purchase.amount (payload.total) is missing", 0, nil},
		{"nothing is left of the first inside", app, `{"event_id":"e1","ts":1000,"payload":{"kind":"purchase","total":5,"user":{"id":"c1"},"user":{}}}`, ReasonField, "customer_id (payload.user.id) is missing", 0, nil},
		{"the last is no object", app, whole[:len(whole)-1] + `,"payload":null}`, ReasonField, "type (payload.kind) is missing", 0, nil},
		{"a dot in a name, names that JSON escapes", app, `{"event_id":"e1","ts":1000,"payload":{"kind":"kinds","user":{"id":"c1"}},"a.b":{"c\\d":["x"]},"quo\"ted":"y"}`, "", "", 1000,
			map[string]Value{"strings": list("x"), "string": str("y")}},
		{"a mapped time may be a string", app, strings.Replace(whole, "1000", `"1970-01-01T00:00:02Z"`, 1), "", "", 2000, map[string]Value{"amount": double(5)}},
		{"a mapped time with a fraction", app, strings.Replace(whole, "1000", "1700000000000.9", 1), "", "", 1700000000000, map[string]Value{"amount": double(5)}},
		{"a mapped time with a fraction before 1970", app, strings.Replace(whole, "1000", "-0.1", 1), "", "", -1, map[string]Value{"amount": double(5)}},
		{"a mapped time with an exponent", app, strings.Replace(whole, "1000", "1.7e12", 1), "", "", 1700000000000, map[string]Value{"amount": double(5)}},
		{"the last moment", app, strings.Replace(whole, "1000", "253402300799999", 1), "", "", 253402300799999, map[string]Value{"amount": double(5)}},
		{"past the last moment", app, strings.Replace(whole, "1000", "253402300800000", 1), ReasonTime, "time (ts): 253402300800000 milliseconds are beyond the years 1 to 9999", 0, nil},
		{"before the first moment", app, strings.Replace(whole, "1000", "-62135596800000.1", 1), ReasonTime, "time (ts): -62135596800000.1 milliseconds are beyond the years 1 to 9999", 0, nil},
		{"far beyond", app, strings.Replace(whole, "1000", "1e400", 1), ReasonTime, "time (ts): 1e400 milliseconds are beyond the years 1 to 9999", 0, nil},
		{"a mapped time is neither", app, strings.Replace(whole, "1000", "true", 1), ReasonField, "time (ts) is a boolean", 0, nil},
		{"time mapped to its own name", Source{Fields: map[string]string{"time": "time"}}, `{"id":"e1","type":"login","customer_id":"c1","time":3}`, "", "", 3, nil},
		{"a fixed type", Source{Type: "login"}, `{"id":"e1","customer_id":"c1","time":"1970-01-01T00:00:01Z","os":"ios"}`, "", "", 1000, map[string]Value{"os": str("ios")}},
		{"a fixed type, the record's own does not count", Source{Type: "login"}, event("purchase", `"os":"ios"`), "", "", 1000, map[string]Value{"os": str("ios")}},
		{"a fixed type, the record's own is nonsense", Source{Type: "login"}, `{"id":"e1","type":[5],"customer_id":"c1","time":"1970-01-01T00:00:01Z"}`, "", "", 1000, nil},
		{"a field and a property in one place", Source{Type: "purchase", Fields: map[string]string{"id": "order_id"}}, `{"order_id":"e1","customer_id":"c1","time":"1970-01-01T00:00:01Z","amount":2}`,
			"", "", 1000, map[string]Value{"amount": double(2), "order_id": str("e1")}},
		{"a place inside a property", Source{Type: "login", Fields: map[string]string{"id": "os.id"}}, `{"os":{"id":"e1"},"customer_id":"c1","time":"1970-01-01T00:00:01Z"}`,
			ReasonProperty, "login.os is an object, and declared as a string", 0, nil},
		{"mapped too deep", Source{Fields: map[string]string{"id": strings.Repeat("a.", MaxDepth) + "a"}},
			strings.Repeat(`{"a":`, MaxDepth+1) + `"e1"` + strings.Repeat("}", MaxDepth+1), ReasonDepth, "at byte 50000", 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newTestDecoder(t, s, tt.src, s.All())
			var ev Event
			err := d.Decode([]byte(tt.record), &ev)
			var r *Reject
			if errors.As(err, &r) {
				if r.Reason != tt.reason || r.Detail != tt.detail {
					t.Errorf("got %v, want %s: %s", err, tt.reason, tt.detail)
				}
				return
			}
			if tt.reason != "" {
				t.Fatalf("got %v, want %s", err, tt.reason)
			}
			if ev.ID != "e1" || ev.Customer != "c1" || ev.Time != tt.time {
				t.Errorf("got id %q, customer %q, time %d", ev.ID, ev.Customer, ev.Time)
			}
			if got := props(&ev); len(got) != len(tt.want) || len(got) > 0 && !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestNewDecoderErrors(t *testing.T) {
	s := testSchema(t)
	tests := []struct {
		src   Source
		needs Needs
		want  string
	}{
		{Source{Name: "app", Type: "logout"}, nil, `source "app": no schema declares the type "logout"`},
		{Source{Name: "app", Type: "login", Fields: map[string]string{"type": "kind"}}, nil, `source "app": the type is fixed to "login" and mapped too`},
		{Source{Name: "app", Type: "login", Fields: map[string]string{"amount": "total"}}, nil, `source "app": fields: "amount" is neither id, type, customer_id, time nor a property of the source's types`},
		{Source{Name: "app", Fields: map[string]string{"amuont": "total"}}, nil, `source "app": fields: "amuont" is neither id, type, customer_id, time nor a property of the source's types; did you mean "amount"?`},
		{Source{Name: "app", Fields: map[string]string{"id": ""}}, nil, `source "app": fields: id is mapped to "": a name in the path is empty`},
		{Source{Name: "app", Fields: map[string]string{"amount": "a..b"}}, nil, `source "app": fields: amount is mapped to "a..b": a name in the path is empty`},
		{Source{Name: "app", Fields: map[string]string{"time": "a."}}, nil, `source "app": fields: time is mapped to "a.": a name in the path is empty`},
		{Source{Name: "app", Fields: map[string]string{"time": ".a"}}, nil, `source "app": fields: time is mapped to ".a": a name in the path is empty`},
		{Source{Name: "app"}, Needs{"logout": nil}, `source "app": a rule reads the type "logout", which no schema declares`},
		{Source{Name: "app"}, Needs{"login": {"amount": true}}, `source "app": a rule reads login.amount, which no schema declares`},
	}
	for _, tt := range tests {
		_, err := NewDecoder(s, tt.src, tt.needs)
		if err == nil || err.Error() != tt.want {
			t.Errorf("got %v\nwant %s", err, tt.want)
		}
	}
}

// What one decoder gave stays as it was when the next record goes into another Event, and a clone when everything changes.
func TestDecodeAliases(t *testing.T) {
	s := testSchema(t)
	d := newTestDecoder(t, s, Source{}, s.All())
	first := []byte(kinds(`"string":"a\nb","strings":["x","y\t"],"date":"2024-01-01"`))
	second := []byte(kinds(`"string":"c\nd","strings":["z","z\r"],"date":"2025-01-01"`))
	want := map[string]Value{"string": str("a\nb"), "strings": list("x", "y\t"), "date": date("2024-01-01")}
	var one, two Event
	if err := d.Decode(first, &one); err != nil {
		t.Fatal(err)
	}
	if err := d.Decode(second, &two); err != nil {
		t.Fatal(err)
	}
	if got := props(&one); !reflect.DeepEqual(got, want) {
		t.Errorf("after another record: got %v, want %v", got, want)
	}
	clone := one.Clone()
	if err := d.Decode(second, &one); err != nil {
		t.Fatal(err)
	}
	for i := range first {
		first[i] = 'X'
	}
	if got := props(clone); !reflect.DeepEqual(got, want) {
		t.Errorf("the clone: got %v, want %v", got, want)
	}
	if clone.ID != "e1" || clone.Customer != "c1" || clone.Time != 1000 || clone.Type != s.Type("kinds") {
		t.Errorf("the clone: %+v", clone)
	}
}

// The guesses at the order of members are only guesses.
func TestDecodeAnyOrder(t *testing.T) {
	s := testSchema(t)
	d := newTestDecoder(t, s, Source{}, s.All())
	members := []string{`"id":"e1"`, `"type":"kinds"`, `"customer_id":"c1"`, `"time":"1970-01-01T00:00:01Z"`, `"int":1`, `"string":"s"`, `"other":{"int":2}`}
	want := map[string]Value{"int": num(1), "string": str("s")}
	var ev Event
	var permute func(done, rest []string)
	permute = func(done, rest []string) {
		if len(rest) == 0 {
			record := "{" + strings.Join(done, ",") + "}"
			if err := d.Decode([]byte(record), &ev); err != nil {
				t.Fatalf("%s: %v", record, err)
			}
			if got := props(&ev); !reflect.DeepEqual(got, want) || ev.ID != "e1" || ev.Customer != "c1" || ev.Time != 1000 {
				t.Fatalf("%s: %v %+v", record, got, ev)
			}
		}
		for i := range rest {
			permute(append(slices.Clone(done), rest[i]), append(slices.Clone(rest[:i]), rest[i+1:]...))
		}
	}
	permute(nil, members)
}

func TestDecodeAllocatesNothing(t *testing.T) {
	s := testSchema(t)
	d := newTestDecoder(t, s, Source{Fields: map[string]string{"city": "address.city"}}, s.All())
	records := [][]byte{
		[]byte(benchRecord),
		[]byte(event("profile", `"interests":["running","cook\u0069ng"],"address":{"city":"Bandung"},"income":1.25e7,"signed_up":"2024-03-01T09:30:00+07:00","country":null`)),
		[]byte(event("search", `"query":"caf\u00e9 \"noir\"","unknown":[{"a":[1,2,3]}]`)),
		[]byte(event("cart_add", `"price":19.99,"quantity":3.0,"price":5`)),
	}
	var ev Event
	allocs := testing.AllocsPerRun(1000, func() {
		for _, r := range records {
			if err := d.Decode(r, &ev); err != nil {
				t.Fatal(err)
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
