package main

import (
	"time"

	"github.com/ruas/ruas/subscribe"
)

// Status says what is to be done with a message.
type Status string

// The states of a message. Position is none: such a record says only how far the changes were read.
const (
	Send      Status = "send"      // by the sender, once
	Withheld  Status = "withheld"  // not to be sent, for Reason
	Cancelled Status = "cancelled" // the customer left the segment: not to be sent any more, if it was not yet
	Position  Status = "position"
)

// Message is a record of the outbox: what is to be sent to a customer, or no more to be.
type Message struct {
	// ID is that of the join, and so the same however often the message is made: what a provider of e-mail takes as idempotence key.
	ID         string  `json:"id,omitempty"`
	Status     Status  `json:"status"`
	Reason     string  `json:"reason,omitempty"`
	CustomerID string  `json:"customer_id,omitempty"`
	Channel    string  `json:"channel,omitempty"`
	Template   string  `json:"template,omitempty"`
	CartValue  float64 `json:"cart_value,omitempty"`
	// Change is the one that this message follows from.
	Change subscribe.Mark `json:"change,omitzero"`
}

// channels are those that a customer may prefer, each with the feature that says whether we may, in the order in which they are tried.
var channels = []struct{ name, consent string }{{"whatsapp", "may_whatsapp"}, {"email", "may_email"}, {"sms", "may_sms"}}

// decide says what follows from a change, given the last message of the customer; nil: nothing, it was seen before. Changes that were
// missed are no reason not to act on this one: their error goes with the message. All that counts is in the change and the message, so that
// whoever decides once more decides the same, but for maxAge: joins that are older by now are not worth a message. 0: all are.
func decide(c *subscribe.Change, last *Message, now time.Time, maxAge time.Duration) (*Message, error) {
	var mark subscribe.Mark
	if last != nil {
		mark = last.Change
	}
	isNew, missed := mark.Before(c)
	if !isNew {
		return nil, nil
	}
	m := &Message{ID: c.ID, CustomerID: c.CustomerID, Change: subscribe.MarkOf(c)}
	if c.Kind == subscribe.Leave {
		m.Status = Cancelled
		if last != nil && last.Change.Seq+1 == c.Seq {
			m.ID, m.Channel = last.ID, last.Channel
		}
		return m, missed
	}
	m.Template = "cart_reminder"
	c.Feature("cart_value_24h", &m.CartValue)
	switch m.Channel = channel(c); {
	case maxAge > 0 && now.Sub(c.Time) > maxAge:
		m.Status, m.Reason = Withheld, "too late"
	case m.Channel == "":
		m.Status, m.Reason = Withheld, "no consent"
	default:
		m.Status = Send
	}
	return m, missed
}

// channel gives the one that the customer prefers where they allowed it, else the first that they allowed; "": none.
func channel(c *subscribe.Change) string {
	var preferred, first string
	c.Feature("preferred_channel", &preferred)
	for _, ch := range channels {
		var may bool
		if !c.Feature(ch.consent, &may) || !may {
			continue
		}
		if ch.name == preferred {
			return ch.name
		}
		if first == "" {
			first = ch.name
		}
	}
	return first
}
