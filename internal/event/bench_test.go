package event

import "testing"

const benchRecord = `{"id":"01JD3Z8Q6M4T7W9X2Y5B8N1C3D","type":"purchase","customer_id":"c000421337","time":"2026-11-21T10:00:00.123Z",` +
	`"amount":129.95,"currency":"IDR","order_id":"o-7781234","category":"shoes","items":2,"channel":"web"}`

func BenchmarkDecode(b *testing.B) {
	s, err := LoadSchema()
	if err != nil {
		b.Fatal(err)
	}
	records := map[string]string{
		"purchase": benchRecord,
		"page_view": `{"id":"v-99120031","type":"page_view","customer_id":"c000421337","time":"2026-11-21T10:00:00.123+07:00",` +
			`"page":"/shoes/running","referrer":"https://example.com/","channel":"web","session":"8f14e45f","price":null}`,
		"profile": `{"id":"p-1","type":"profile","customer_id":"c000421337","time":"2026-11-21T10:00:00Z","birth_date":"1990-04-21",` +
			`"city":"Bandung","income":12500000,"interests":["running","cooking"],"signed_up":"2024-03-01T09:30:00+07:00"}`,
		"escaped": `{"id":"s-1","type":"search","customer_id":"c000421337","time":"2026-11-21T10:00:00Z","query":"caf\u00e9 \"noir\" 2 €"}`,
	}
	for _, needs := range []struct {
		name  string
		needs Needs
	}{
		{"all", s.All()},
		{"some", Needs{"purchase": {"amount": true}, "page_view": {"page": true}, "profile": {"city": true}}},
	} {
		for name, record := range records {
			b.Run(name+"/"+needs.name, func(b *testing.B) {
				d, err := NewDecoder(s, Source{}, needs.needs)
				if err != nil {
					b.Fatal(err)
				}
				var ev Event
				r := []byte(record)
				b.ReportAllocs()
				b.SetBytes(int64(len(r)))
				for b.Loop() {
					if err := d.Decode(r, &ev); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
