package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/ruas/ruas/subscribe"
)

// Voucher is what a customer was given for being in a segment.
type Voucher struct {
	// Code is made from the id of the join: whoever issues it once more issues the same.
	Code       string    `json:"code"`
	CustomerID string    `json:"customer_id"`
	Segment    string    `json:"segment"`
	Offer      string    `json:"offer"`
	Issued     time.Time `json:"issued"`
	TakenBack  time.Time `json:"taken_back,omitzero"` // zero: it is good
	// Change is the newest one that counted.
	Change subscribe.Mark `json:"change"`
}

// Offers are what members are given, by segment.
type Offers map[string]string

// String gives the offers as Set reads them.
func (o Offers) String() string {
	var list []string
	for segment, offer := range o {
		list = append(list, segment+"="+offer)
	}
	return strings.Join(list, ",")
}

// Set reads offers such as "loyal=FREE SHIPPING,birthday_today=20 % OFF", in place of those that were there.
func (o Offers) Set(text string) error {
	clear(o)
	for _, pair := range strings.Split(text, ",") {
		segment, offer, ok := strings.Cut(pair, "=")
		if !ok || segment == "" || offer == "" {
			return fmt.Errorf("%q: want SEGMENT=OFFER", pair)
		}
		o[segment] = offer
	}
	return nil
}

// decide says what becomes of a customer's voucher in a segment, given the last one; nil: nothing. Changes that were missed are no reason
// not to act on this one: their error goes with it.
func decide(c *subscribe.Change, offer string, last *Voucher) (*Voucher, error) {
	var mark subscribe.Mark
	if last != nil {
		mark = last.Change
	}
	isNew, missed := mark.Before(c)
	switch {
	case !isNew:
		return nil, nil
	case c.Kind == subscribe.Join:
		return &Voucher{
			Code: code(c.ID), CustomerID: c.CustomerID, Segment: c.Segment, Offer: offer, Issued: c.Time, Change: subscribe.MarkOf(c),
		}, missed
	case last == nil: // the join was before our time
		return nil, missed
	}
	back := *last
	back.Change = subscribe.MarkOf(c)
	if back.TakenBack.IsZero() {
		back.TakenBack = c.Time
	}
	return &back, missed
}

// code makes a code that can be typed from a change's id, which is a hash: half of its 128 bits are as good as unique.
func code(id string) string {
	id = strings.ToUpper(id)
	if len(id) < 16 {
		return id
	}
	return id[:4] + "-" + id[4:8] + "-" + id[8:12] + "-" + id[12:16]
}
