package subscribe

import (
	"errors"
	"testing"
	"time"
)

func TestParseChange(t *testing.T) {
	t.Parallel()
	c, err := ParseChange(&Record{Value: []byte(`{"id":"8c","customer_id":"c42","segment":"big_spender","change":"join","time":"2026-11-21T10:00:00.123Z",` +
		`"cause":"event","event_id":"e9","seq":3,"rules":"4f1c","features":{"spend_90d":512.5,"city":"Bandung"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	if c.ID != "8c" || c.CustomerID != "c42" || c.Segment != "big_spender" || c.Kind != Join || c.Cause != "event" || c.EventID != "e9" || c.Seq != 3 ||
		c.Rules != "4f1c" || !c.Time.Equal(time.Date(2026, 11, 21, 10, 0, 0, 123e6, time.UTC)) {
		t.Errorf("%+v", c)
	}
	var (
		spend float64
		city  string
	)
	if !c.Feature("spend_90d", &spend) || spend != 512.5 || !c.Feature("city", &city) || city != "Bandung" {
		t.Errorf("features %v, %q", spend, city)
	}
	if c.Feature("spend_90d", &city) || c.Feature("country", &city) {
		t.Errorf("there is a feature %q", city)
	}
	for _, bad := range []string{``, `null`, `[]`, `{}`, `{"id":"8c","customer_id":"c42","segment":"s","change":"stay","seq":1}`, `{"id":"8c","customer_id":"c42","segment":"s","change":"join"}`} {
		if c, err := ParseChange(&Record{Partition: 2, Offset: 7, Value: []byte(bad)}); err == nil {
			t.Errorf("%s is read as %+v", bad, c)
		}
	}
}

func TestParseMembership(t *testing.T) {
	t.Parallel()
	m, err := ParseMembership(&Record{Key: []byte("c42"), Value: []byte(`{"customer_id":"c42","segments":["a","b"],"time":"2026-11-21T10:00:00.123Z"}`)})
	if err != nil || m.CustomerID != "c42" || len(m.Segments) != 2 || m.Segments[1] != "b" || m.Time.IsZero() {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err = ParseMembership(&Record{Key: []byte("c42")}); err != nil || m.CustomerID != "c42" || m.Segments != nil || !m.Time.IsZero() {
		t.Errorf("%+v, %v", m, err)
	}
	for _, bad := range []string{`{`, `{"customer_id":"c43"}`} {
		if m, err := ParseMembership(&Record{Key: []byte("c42"), Value: []byte(bad)}); err == nil {
			t.Errorf("%s is read as %+v", bad, m)
		}
	}
}

func TestMark(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Unix(int64(s), 0).UTC() }
	for _, c := range []struct {
		name     string
		mark     Mark
		seq      uint64
		time     int
		isNew    bool
		isMissed bool
	}{
		{"the first", Mark{}, 1, 1, true, false},
		{"one from the middle of a topic", Mark{}, 7, 1, true, false},
		{"the next", Mark{1, at(1)}, 2, 1, true, false},
		{"the same", Mark{2, at(2)}, 2, 2, false, false},
		{"an older one", Mark{3, at(3)}, 2, 2, false, false},
		{"the first once more", Mark{2, at(2)}, 1, 1, false, false},
		{"a new history", Mark{2, at(2)}, 1, 3, true, false},
		{"no new history while in the segment", Mark{3, at(3)}, 1, 4, false, false},
		{"one behind a gap", Mark{2, at(2)}, 5, 3, true, true},
	} {
		isNew, err := c.mark.Before(&Change{Seq: c.seq, Time: at(c.time)})
		if isNew != c.isNew || errors.Is(err, ErrMissed) != c.isMissed {
			t.Errorf("%s: %v, %v", c.name, isNew, err)
		}
	}
	if m := MarkOf(&Change{Seq: 4, Time: at(9)}); m != (Mark{4, at(9)}) {
		t.Errorf("%+v", m)
	}
}
