package event

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func loadShipped(t *testing.T) *Schema {
	t.Helper()
	s, err := LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What section 2 of the contract lists: a property a word, with its kind where that is not a string; required ones end in "!".
func TestShippedSchemas(t *testing.T) {
	const (
		purchases = "amount:number! currency order_id cart_id category product_id items:integer channel store city coupon"
		browsing  = "page product_id category cart_id price:number quantity:integer query referrer channel"
		devices   = "device_id device_type:phone,tablet,desktop,tv,pos os os_version app_version push_enabled:boolean"
	)
	want := map[string]string{
		"purchase": purchases, "refund": purchases,
		"page_view": browsing, "product_view": browsing, "search": browsing, "cart_add": browsing, "cart_remove": browsing, "checkout": browsing,
		"device_seen": devices, "login": devices,
		"campaign": "action:sent,delivered,opened,clicked,converted,unsubscribed! campaign_id channel:email,sms,whatsapp,push",
		"profile": "birth_date:date gender marital_status income:number education occupation household_size:integer ethnicity" +
			" country province city postal_code climate time_zone lifestyle interests:strings values:strings personality" +
			" company industry company_size annual_revenue:number office_city org_structure job_role" +
			" signed_up:moment customer_since:date loyalty_tier acquisition_channel",
	}
	s := loadShipped(t)
	if len(s.Types) != len(want) {
		t.Errorf("%d types, want %d", len(s.Types), len(want))
	}
	if !slices.IsSortedFunc(s.Types, func(a, b *Type) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the types are not sorted")
	}
	for i, typ := range s.Types {
		if typ.Index != i || s.Type(typ.Name) != typ || typ.Description == "" {
			t.Errorf("type %s: index %d, description %q", typ.Name, typ.Index, typ.Description)
		}
		var got []string
		for j := range typ.Properties {
			p := &typ.Properties[j]
			if p.Index != j || typ.Property(p.Name) != p {
				t.Errorf("%s.%s: index %d", typ.Name, p.Name, p.Index)
			}
			if !strings.HasSuffix(p.Description, ".") {
				t.Errorf("%s.%s is described as %q", typ.Name, p.Name, p.Description)
			}
			got = append(got, written(p))
		}
		wanted := strings.Fields(want[typ.Name])
		slices.Sort(got)
		slices.Sort(wanted)
		if !slices.Equal(got, wanted) {
			t.Errorf("%s:\n got %v\nwant %v", typ.Name, got, wanted)
		}
	}
	if s.Profile() == nil || s.Profile() != s.Type("profile") {
		t.Error("no profile")
	}
	if s.Type("nothing") != nil || s.Profile().Property("nothing") != nil {
		t.Error("found what is not there")
	}
	if !strings.HasPrefix(s.Profile().Description, "What is known about the customer.") {
		t.Errorf("the profile is described as %q", s.Profile().Description)
	}
}

func written(p *Property) string {
	s := p.Name
	switch {
	case p.Enum != nil:
		s += ":" + strings.Join(p.Enum, ",")
	case p.Kind == Strings:
		s += ":strings"
	case p.Kind != String:
		s += ":" + p.Kind.String()
	}
	if p.Required {
		s += "!"
	}
	return s
}

func TestAllNeeds(t *testing.T) {
	s := loadShipped(t)
	all := s.All()
	if len(all) != len(s.Types) || !all["purchase"]["amount"] || !all["profile"]["city"] || all["purchase"]["page"] || len(all["campaign"]) != 3 {
		t.Errorf("got %v", all)
	}
}

func write(t *testing.T, folder, name, text string) string {
	t.Helper()
	file := filepath.Join(folder, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestLoadSchemaUsers(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "more.json", `{"x-ruas-type":"purchase","description":"ignored","required":["tax","amount"],"properties":{"tax":{"type":"number","description":"The tax."},"amount":{"type":"number"}}}`)
	write(t, folder, "points.json", `{"x-ruas-type":"profile","properties":{"points":{"type":["integer","null"],"title":"Points","examples":[5],"deprecated":false,"x-owner":"crm"}},"additionalProperties":true,"$id":"https://example.com/points"}`)
	write(t, folder, "notes.txt", "no schema")
	write(t, folder, ".hidden.json", "no schema")
	if err := os.Mkdir(filepath.Join(folder, "sub.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := write(t, t.TempDir(), "any_name", `{"$schema":"https://json-schema.org/draft/2020-12/schema#","x-ruas-type":"visit","title":"t","description":"A visit.","type":"object",
		"properties":{"minutes":{"type":"integer"},"shop":{"type":"string","enum":["south","north"]}},"required":["shop"]}`)
	// Once more, in another order: the same.
	again := write(t, t.TempDir(), "again.json", `{"x-ruas-type":"visit","properties":{"shop":{"type":"string","enum":["north","south"],"description":"The shop."}},"required":["shop"]}`)
	s, err := LoadSchema(folder, file, again)
	if err != nil {
		t.Fatal(err)
	}
	visit := s.Type("visit")
	if visit.Description != "A visit." || len(visit.Properties) != 2 || visit.Property("minutes").Kind != Int {
		t.Errorf("got %+v", visit)
	}
	if p := visit.Property("shop"); !p.Required || !slices.Equal(p.Enum, []string{"south", "north"}) || p.Description != "The shop." {
		t.Errorf("got %+v", p)
	}
	purchase := s.Type("purchase")
	if p := purchase.Property("tax"); p == nil || !p.Required || p.Kind != Double || p.Index != len(purchase.Properties)-1 {
		t.Errorf("got %+v", p)
	}
	if strings.Contains(purchase.Description, "ignored") || purchase.Property("amount").Description == "" {
		t.Errorf("the shipped descriptions are gone: %+v", purchase)
	}
	if p := s.Profile().Property("points"); p == nil || p.Kind != Int {
		t.Errorf("got %+v", p)
	}
	for i, typ := range s.Types {
		if typ.Index != i {
			t.Errorf("%s has index %d", typ.Name, typ.Index)
		}
	}
	d := newTestDecoder(t, s, Source{}, s.All())
	var ev Event
	if err := d.Decode([]byte(event("visit", `"shop":"north","minutes":5`)), &ev); err != nil || ev.Type != visit {
		t.Errorf("got %v, %+v", err, ev)
	}
}

func TestLoadSchemaContradictions(t *testing.T) {
	tests := []struct{ schema, want string }{
		{`{"x-ruas-type":"purchase","properties":{"amount":{"type":"integer"}},"required":["amount"]}`,
			"FILE: /properties/amount: contradicts schemas/purchase.json (shipped): /properties/amount: purchase.amount is a number there and an integer here"},
		{`{"x-ruas-type":"purchase","properties":{"amount":{"type":"number"}}}`,
			"FILE: /properties/amount: contradicts schemas/purchase.json (shipped): /properties/amount: purchase.amount is required there and optional here"},
		{`{"x-ruas-type":"purchase","properties":{"city":{"type":"string"}},"required":["city"]}`,
			"FILE: /properties/city: contradicts schemas/purchase.json (shipped): /properties/city: purchase.city is optional there and required here"},
		{`{"x-ruas-type":"campaign","properties":{"channel":{"type":"string","enum":["email","sms","push"]}}}`,
			"FILE: /properties/channel: contradicts schemas/campaign.json (shipped): /properties/channel: campaign.channel may be email, sms, whatsapp, push there and email, sms, push here"},
		{`{"x-ruas-type":"campaign","properties":{"channel":{"type":"string"}}}`,
			"FILE: /properties/channel: contradicts schemas/campaign.json (shipped): /properties/channel: campaign.channel may be email, sms, whatsapp, push there and anything here"},
		{`{"x-ruas-type":"profile","properties":{"birth_date":{"type":"string","format":"date-time"}}}`,
			"FILE: /properties/birth_date: contradicts schemas/demographic.json (shipped): /properties/birth_date: profile.birth_date is a date there and a moment here"},
	}
	for _, tt := range tests {
		file := write(t, t.TempDir(), "mine.json", tt.schema)
		_, err := LoadSchema(file)
		if want := strings.ReplaceAll(tt.want, "FILE", file); err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", tt.schema, err, want)
		}
	}
}

func TestLoadSchemaErrors(t *testing.T) {
	property := func(schema string) string { return `{"x-ruas-type":"visit","properties":{"p":` + schema + `}}` }
	tests := []struct{ schema, want string }{
		{``, "line 1: unexpected end of JSON input"},
		{"{\n\n\"a\":1,}", "line 3: invalid character '}' looking for beginning of object key string"},
		{"{\"title\":\"\xff\"}", "the document is not UTF-8"},
		{`{} {}`, "line 1: invalid character '{' after top-level value"},
		{`[]`, "/: a schema file holds one JSON object"},
		{`{"properties":{}}`, `/: x-ruas-type is missing: it names the event type that the file declares, as in "x-ruas-type": "purchase"`},
		{`{"x-ruas-type":5}`, "/x-ruas-type: x-ruas-type is a string"},
		{`{"x-ruas-type":"Visit"}`, `/x-ruas-type: "Visit" is no name: use lower case letters, digits and underscores`},
		{`{"x-ruas-type":"2fa"}`, `/x-ruas-type: "2fa" is no name: it begins with a digit`},
		{`{"x-ruas-type":"import"}`, `/x-ruas-type: "import" is a word that CEL reserves`},
		{`{"x-ruas-type":"events"}`, `/x-ruas-type: an event type cannot be named "events": in expressions that name means something else`},
		{`{"x-ruas-type":"now"}`, `/x-ruas-type: an event type cannot be named "now": in expressions that name means something else`},
		{`{"x-ruas-type":"list"}`, `/x-ruas-type: an event type cannot be named "list": in expressions that name means something else`},
		{`{"x-ruas-type":"visit","x-ruas-types":["a"]}`, `/x-ruas-types: the keyword "x-ruas-types" is not supported`},
		{`{"x-ruas-type":"visit","x-ruas-type":"visit"}`, "line 1: /x-ruas-type stands twice"},
		{`{"x-ruas-type":"visit","$schema":"http://json-schema.org/draft-07/schema#"}`, `/$schema: only JSON Schema 2020-12 is read: "https://json-schema.org/draft/2020-12/schema"`},
		{`{"x-ruas-type":"visit","type":"array"}`, `/type: an event is an object: "type" is "object"`},
		{`{"x-ruas-type":"visit","additionalProperties":false}`, `/additionalProperties: properties that are not declared are ignored, not refused: leave additionalProperties out`},
		{`{"x-ruas-type":"visit","allOf":[]}`, `/allOf: the keyword "allOf" is not supported`},
		{`{"x-ruas-type":"visit","$ref":"other.json"}`, `/$ref: the keyword "$ref" is not supported`},
		{`{"x-ruas-type":"visit","title":5}`, "/title: title is a string"},
		{`{"x-ruas-type":"visit","properties":[]}`, "/properties: properties is an object: a name and a schema each"},
		{`{"x-ruas-type":"visit","properties":{"time":{"type":"string"}}}`, `/properties/time: every event has "time": it is not declared`},
		{`{"x-ruas-type":"visit","properties":{"customer_id":{"type":"string"}}}`, `/properties/customer_id: every event has "customer_id": it is not declared`},
		{`{"x-ruas-type":"visit","properties":{"a/b~c":{"type":"string"}}}`, `/properties/a~1b~0c: "a/b~c" is no name: use lower case letters, digits and underscores`},
		{`{"x-ruas-type":"visit","properties":{"":{"type":"string"}}}`, `/properties/: a name is empty`},
		{`{"x-ruas-type":"visit","properties":{"in":{"type":"string"}}}`, `/properties/in: "in" is a word that CEL reserves`},
		{`{"x-ruas-type":"visit","properties":{"p":{"type":"string"},"p":{"type":"string"}}}`, "line 1: /properties/p stands twice"},
		{property(`true`), "/properties/p: a property's schema is an object"},
		{property(`{}`), `/properties/p: "type" is missing: string, integer, number, boolean or array`},
		{property(`{"type":"object"}`), "/properties/p/type: a property is of type string, integer, number, boolean, or array (of strings)"},
		{property(`{"type":["string","integer"]}`), "/properties/p/type: a property is of type string, integer, number, boolean, or array (of strings)"},
		{property(`{"type":["null","null"]}`), "/properties/p/type: a property is of type string, integer, number, boolean, or array (of strings)"},
		{property(`{"type":5}`), "/properties/p/type: a property is of type string, integer, number, boolean, or array (of strings)"},
		{property(`{"type":"string","format":"email"}`), `/properties/p/format: format "email" is not checked: only date and date-time are`},
		{property(`{"type":"integer","format":"date"}`), `/properties/p/format: format "date" needs "type": "string"`},
		{property(`{"type":"string","format":"date","enum":["2024-01-01"]}`), "/properties/p/enum: enum and format cannot both be given"},
		{property(`{"type":"string","enum":[]}`), "/properties/p/enum: enum is a list of at least one string"},
		{property(`{"type":"string","enum":["a",1]}`), "/properties/p/enum/1: enum lists strings"},
		{property(`{"type":"string","enum":["a","a"]}`), `/properties/p/enum/1: enum lists "a" twice`},
		{property(`{"type":"integer","enum":["1"]}`), `/properties/p/enum: enum needs "type": "string"`},
		{property(`{"type":"array"}`), `/properties/p: a list is one of strings: "items": {"type": "string"}`},
		{property(`{"type":"array","items":{"type":"integer"}}`), `/properties/p/items: a list is one of strings: "items": {"type": "string"}`},
		{property(`{"type":"array","items":{"type":"string","minLength":1}}`), `/properties/p/items/minLength: the keyword "minLength" is not supported`},
		{property(`{"type":"string","items":{"type":"string"}}`), `/properties/p/items: items needs "type": "array"`},
		{property(`{"type":"integer","minimum":0}`), `/properties/p/minimum: the keyword "minimum" is not supported`},
		{property(`{"type":"integer","default":0}`), `/properties/p/default: a default is not filled in: leave it out, and ask has() in the rule`},
		{property(`{"type":"string","const":"x"}`), `/properties/p/const: const is not supported: write "enum" with one value`},
		{property(`{"type":"string","description":["x"]}`), `/properties/p/description: description is a string`},
		{`{"x-ruas-type":"visit","required":["p"]}`, `/required/0: required names "p", which is not among this file's properties`},
		{`{"x-ruas-type":"visit","required":"p","properties":{"p":{"type":"string"}}}`, "/required: required is a list of names of properties"},
		{`{"x-ruas-type":"visit","required":[1]}`, "/required/0: required lists names of properties"},
		{`{"x-ruas-type":"visit","required":["p"],"properties":{"p":{"type":["string","null"]}}}`, `/required/0: "p" is required and may be null: null is as if the property were not there`},
		{`{"x-ruas-type":"profile","required":["p"],"properties":{"p":{"type":"string"}}}`, "/required/0: an update of the profile carries only what changed: no attribute can be required"},
	}
	for _, tt := range tests {
		file := write(t, t.TempDir(), "mine.json", tt.schema)
		_, err := LoadSchema(file)
		if want := file + ": " + tt.want; err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", tt.schema, err, want)
		}
	}
}

func TestLoadSchemaAllErrors(t *testing.T) {
	folder := t.TempDir()
	a := write(t, folder, "a.json", `{"x-ruas-type":"visit","oneOf":[],"properties":{"p":{"type":"string","pattern":"x"},"q":{"type":"x"}},"required":["p"]}`)
	b := write(t, folder, "b.json", `{"x-ruas-type":"now"}`)
	missing := filepath.Join(folder, "missing")
	_, err := LoadSchema(folder, missing, t.TempDir())
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	want := []string{
		a + ": /oneOf: ", a + ": /properties/p/pattern: ", a + ": /properties/q/type: ", b + ": /x-ruas-type: ",
		"reading schemas: stat " + missing, "reading schemas: the folder ",
	}
	if len(lines) != len(want) {
		t.Fatalf("got %s", err)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("line %d: got %s, want %s", i, lines[i], want[i])
		}
	}
}

// The page for users says what the code does.
func TestSchemasReadme(t *testing.T) {
	readme, err := os.ReadFile("../../schemas/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range slices.Concat(celReserved, takenTypes) {
		if !strings.Contains(string(readme), "`"+word+"`") {
			t.Errorf("%q is not named", word)
		}
	}
	_, rest, _ := strings.Cut(string(readme), "```json\n")
	example, _, _ := strings.Cut(rest, "```")
	s, err := LoadSchema(write(t, t.TempDir(), "example.json", example))
	if err != nil {
		t.Fatal(err)
	}
	typ := s.Type("subscription")
	if typ == nil || typ.Property("renews_on").Kind != Date || !typ.Property("plan").Required {
		t.Errorf("got %+v", typ)
	}
}
