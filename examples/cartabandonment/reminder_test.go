package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/ruas/ruas/subscribe"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	change := func(seq uint64, kind subscribe.Kind, features string) *subscribe.Change {
		c := &subscribe.Change{ID: string(rune('a' + seq)), CustomerID: "c42", Segment: "cart_reminder", Kind: kind, Seq: seq, Time: at}
		if err := json.Unmarshal([]byte(features), &c.Features); err != nil {
			t.Fatal(err)
		}
		return c
	}
	sent := &Message{ID: "b", Status: Send, Channel: "sms", Change: subscribe.Mark{Seq: 1, Time: at}}
	for _, c := range []struct {
		name   string
		change *subscribe.Change
		last   *Message
		now    time.Duration
		want   string // id, status, reason, channel; "": nothing
		missed bool
	}{
		{"what is preferred and allowed", change(1, subscribe.Join, `{"preferred_channel":"sms","may_sms":true,"may_email":true}`), nil, 0, "b send  sms", false},
		{"another one is allowed", change(1, subscribe.Join, `{"preferred_channel":"sms","may_sms":false,"may_email":true}`), nil, 0, "b send  email", false},
		{"nothing is preferred", change(1, subscribe.Join, `{"may_sms":true,"may_whatsapp":true}`), nil, 0, "b send  whatsapp", false},
		{"nothing is allowed", change(1, subscribe.Join, `{"preferred_channel":"email","may_email":false}`), nil, 0, "b withheld no consent ", false},
		{"no features", change(1, subscribe.Join, `{}`), nil, 0, "b withheld no consent ", false},
		{"too late", change(1, subscribe.Join, `{"may_email":true}`), nil, 2 * time.Hour, "b withheld too late email", false},
		{"cancelled", change(2, subscribe.Leave, `{}`), sent, 0, "b cancelled  sms", false},
		{"once more", change(1, subscribe.Join, `{"may_sms":true}`), sent, 0, "", false},
		{"again, later", change(3, subscribe.Join, `{"may_sms":true}`), &Message{Change: subscribe.Mark{Seq: 2, Time: at}}, 0, "d send  sms", false},
		{"behind a gap", change(4, subscribe.Leave, `{}`), sent, 0, "e cancelled  ", true},
		{"out of what was never seen", change(2, subscribe.Leave, `{}`), nil, 0, "c cancelled  ", false},
	} {
		m, err := decide(c.change, c.last, at.Add(c.now), time.Hour)
		got := ""
		if m != nil {
			got = m.ID + " " + string(m.Status) + " " + m.Reason + " " + m.Channel
			if m.CustomerID != "c42" || m.Change != subscribe.MarkOf(c.change) {
				t.Errorf("%s: %+v", c.name, m)
			}
		}
		if got != c.want || (err != nil) != c.missed {
			t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
		}
	}
	m, err := decide(change(1, subscribe.Join, `{"cart_value_24h":12.5,"may_sms":true}`), nil, at.Add(1000*time.Hour), 0)
	if err != nil || m.CartValue != 12.5 || m.Template != "cart_reminder" || m.Status != Send {
		t.Errorf("%+v, %v", m, err)
	}
}
