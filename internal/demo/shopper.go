package demo

import (
	"fmt"
	"strconv"
	"time"
)

// shopper is a customer of the shop.
type shopper struct {
	id       string
	persona  persona
	place    place
	device   device
	likes    []category
	spent    int
	tier     string
	orders   int
	carts    int
	business bool
	silent   bool // has unsubscribed
}

type device struct{ id, kind, os, version string }

// item is a product in a cart.
type item struct {
	category category
	product  string
	price    int
	quantity int
}

// signUp makes a customer, with a profile, who begins to visit. An old one signed up long before the history begins.
func (s *Shop) signUp(now time.Time, old bool) *shopper {
	c := &shopper{persona: s.drawPersona(), place: s.drawPlace()}
	c.business = c.persona.business
	c.id = fmt.Sprintf("%s-%04d", pick(s, firstNames), len(s.customers)+1)
	c.likes = []category{pick(s, categories), pick(s, categories), pick(s, categories)}
	if c.business {
		c.likes = []category{categoryNamed("office"), categoryNamed("electronics"), categoryNamed("coffee")}
	}
	c.device = s.drawDevice(c)
	s.customers = append(s.customers, c)

	signedUp := now
	if old {
		signedUp = now.Add(-s.span(time.Hour, 3*365*24*time.Hour))
	}
	s.emit(now, "profiles", "profile", c, s.profile(c, now, signedUp)...)
	if s.live(now) {
		s.at(now.Add(s.span(5*time.Second, time.Minute)), func(now time.Time) { s.visit(c, now) })
	} else {
		s.nextVisit(c, now)
	}
	return c
}

// walkIn signs a customer up, and the next one later.
func (s *Shop) walkIn(now time.Time) {
	s.signUp(now, false)
	s.at(now.Add(s.wait(signUpEvery)), s.walkIn)
}

func (s *Shop) drawPersona() persona {
	draw := s.random.Float64()
	for _, p := range personas {
		if draw -= p.share; draw < 0 {
			return p
		}
	}
	return personas[0]
}

func (s *Shop) drawPlace() place {
	var sum float64
	for _, p := range places {
		sum += p.weight
	}
	draw := s.random.Float64() * sum
	for _, p := range places {
		if draw -= p.weight; draw < 0 {
			return p
		}
	}
	return places[0]
}

func (s *Shop) drawDevice(c *shopper) device {
	d := device{id: "d-" + c.id, kind: "phone", os: "android", version: strconv.Itoa(s.between(11, 16))}
	switch draw := s.random.Float64(); {
	case c.business || draw < 0.2:
		d.kind, d.os, d.version = "desktop", "windows", "11"
	case draw < 0.4:
		d.os, d.version = "ios", strconv.Itoa(s.between(16, 26))
	case draw < 0.48:
		d.kind, d.os, d.version = "tablet", "ipados", strconv.Itoa(s.between(16, 26))
	}
	return d
}

func categoryNamed(name string) category {
	for _, c := range categories {
		if c.name == name {
			return c
		}
	}
	return categories[0]
}

// profile draws attributes of every family.
func (s *Shop) profile(c *shopper, now, signedUp time.Time) []any {
	age := s.between(18, 64)
	// Many birthdays lie in the days after the opening, so that a short demo has some.
	birthday := s.random.IntN(365)
	if s.chance(0.15) {
		birthday = s.opening.YearDay() + s.random.IntN(10)
	}
	born := time.Date(now.Year()-age, 1, 1+birthday, 0, 0, 0, 0, time.UTC)
	fields := []any{
		"birth_date", born.Format(time.DateOnly), "gender", pick(s, genders), "marital_status", pick(s, maritals),
		"income", s.between(3, 45) * 1_000_000, "education", pick(s, educations), "occupation", pick(s, occupations),
		"household_size", s.between(1, 6), "ethnicity", pick(s, ethnicities),
		"country", "ID", "province", c.place.province, "city", c.place.city,
		"postal_code", c.place.postal + strconv.Itoa(s.between(10, 99)), "climate", c.place.climate, "time_zone", c.place.zone,
		"lifestyle", pick(s, lifestyles), "interests", some(s, interests, s.between(1, 4)), "values", some(s, values, s.between(1, 3)),
		"personality", pick(s, personalities),
		"signed_up", signedUp.UTC().Format(time.RFC3339), "customer_since", signedUp.UTC().Format(time.DateOnly),
		"loyalty_tier", "bronze", "acquisition_channel", pick(s, acquisitions),
	}
	if c.business {
		fields = append(fields,
			"company", "PT "+pick(s, companyNames)+" "+pick(s, companyKinds), "industry", pick(s, industries),
			"company_size", pick(s, companySizes), "annual_revenue", s.between(1, 900)*1_000_000_000, "office_city", c.place.city,
			"org_structure", pick(s, structures), "job_role", pick(s, jobRoles))
	}
	return fields
}

// nextVisit schedules the next one by the persona's rate.
func (s *Shop) nextVisit(c *shopper, now time.Time) {
	mean := time.Duration(float64(24*time.Hour) / c.persona.visits)
	if s.live(now) {
		mean /= rush
	}
	if c.persona.fades && now.After(s.opening.Add(-30*24*time.Hour)) {
		mean = 60 * 24 * time.Hour
	}
	next := now.Add(s.wait(mean))
	if !s.live(now) && s.live(next) {
		// Waits have no memory: the rest of this one is drawn at the rate after the opening.
		next = s.opening.Add(s.wait(mean / rush))
	}
	s.at(next, func(now time.Time) { s.visit(c, now) })
}

// visit shows on a device, browses, perhaps fills a cart, and perhaps buys it.
func (s *Shop) visit(c *shopper, now time.Time) {
	s.nextVisit(c, now)
	channel := "web"
	if c.device.kind != "desktop" && s.chance(0.7) {
		channel = "app"
	}
	kind := "device_seen"
	if s.chance(0.3) {
		kind = "login"
	}
	s.emit(now, "devices", kind, c, "device_id", c.device.id, "device_type", c.device.kind, "os", c.device.os,
		"os_version", c.device.version, "app_version", fmt.Sprintf("8.%d", s.between(0, 4)), "push_enabled", s.chance(0.6))

	t := now.Add(s.span(time.Second, 5*time.Second))
	s.at(t, func(now time.Time) {
		s.emit(now, "browsing", "page_view", c, "page", pick(s, pages), "referrer", pick(s, referrers), "channel", channel)
	})
	var seen []item
	for range 1 + s.random.IntN(6) {
		kind := pick(s, c.likes)
		if s.chance(0.3) {
			kind = pick(s, categories)
		}
		one := item{kind, fmt.Sprintf("%s-%d", kind.name, s.between(1, kind.products)), s.price(kind), s.between(1, c.persona.maxItems)}
		seen = append(seen, one)
		t = t.Add(s.span(10*time.Second, 2*time.Minute))
		s.at(t, func(now time.Time) { s.view(c, one, channel, now) })
	}
	if s.chance(c.persona.cart) {
		s.fillCart(c, seen[:s.between(1, min(len(seen), 3))], channel, t)
	}
}

func (s *Shop) view(c *shopper, one item, channel string, now time.Time) {
	if s.chance(0.25) {
		s.emit(now, "browsing", "search", c, "query", pick(s, one.category.words), "category", one.category.name, "channel", channel)
	}
	s.emit(now, "browsing", "product_view", c, "product_id", one.product, "category", one.category.name,
		"price", one.price, "page", "/p/"+one.product, "channel", channel)
}

// fillCart puts the items in a new cart after t and then buys it, or leaves it behind.
func (s *Shop) fillCart(c *shopper, items []item, channel string, t time.Time) {
	c.carts++
	cart := fmt.Sprintf("%s-k%d", c.id, c.carts)
	fields := func(one item) []any {
		return []any{
			"product_id", one.product, "category", one.category.name, "cart_id", cart, "price", one.price,
			"quantity", one.quantity, "channel", channel,
		}
	}
	for _, one := range items {
		t = t.Add(s.span(5*time.Second, time.Minute))
		s.at(t, func(now time.Time) { s.emit(now, "browsing", "cart_add", c, fields(one)...) })
	}
	if len(items) > 1 && s.chance(0.2) {
		one := items[0]
		items = items[1:]
		t = t.Add(s.span(10*time.Second, 2*time.Minute))
		s.at(t, func(now time.Time) { s.emit(now, "browsing", "cart_remove", c, fields(one)...) })
	}
	switch {
	case s.chance(c.persona.buy):
		s.buy(c, cart, items, channel, t)
	case s.chance(0.5):
		// The reminder brings some back.
		s.at(t.Add(s.span(40*time.Minute, 70*time.Minute)), func(now time.Time) {
			s.message(c, "cart-reminder", now, func(now time.Time) {
				if s.chance(0.5) {
					s.buy(c, cart, items, channel, now)
				}
			})
		})
	}
}

// buy checks out after t and pays.
func (s *Shop) buy(c *shopper, cart string, items []item, channel string, t time.Time) {
	t = t.Add(s.span(20*time.Second, 4*time.Minute))
	s.at(t, func(now time.Time) {
		s.emit(now, "browsing", "checkout", c, "cart_id", cart, "channel", channel)
	})
	amount, pieces := 0, 0
	for _, one := range items {
		amount += one.price * one.quantity
		pieces += one.quantity
	}
	coupon := ""
	if s.chance(c.persona.coupon) {
		coupon = pick(s, coupons)
		amount = amount * 9 / 10 / 500 * 500
	}
	t = t.Add(s.span(20*time.Second, 3*time.Minute))
	s.at(t, func(now time.Time) {
		c.orders++
		order := fmt.Sprintf("%s-o%d", c.id, c.orders)
		fields := []any{
			"amount", amount, "currency", "IDR", "order_id", order, "cart_id", cart, "category", items[0].category.name,
			"product_id", items[0].product, "items", pieces, "channel", channel, "city", c.place.city, "coupon", coupon,
		}
		s.emit(now, "purchases", "purchase", c, fields...)
		s.promote(c, amount, now)
		if s.chance(c.persona.refund) {
			s.at(now.Add(s.span(6*time.Hour, 5*24*time.Hour)), func(now time.Time) {
				s.emit(now, "purchases", "refund", c, fields...)
			})
		}
	})
}

// promote counts what was spent and raises the loyalty tier.
func (s *Shop) promote(c *shopper, amount int, now time.Time) {
	c.spent += amount
	for _, t := range tiers {
		if c.spent < t.spent {
			continue
		}
		if c.tier != t.name {
			c.tier = t.name
			s.at(now.Add(2*time.Second), func(now time.Time) {
				s.emit(now, "profiles", "profile", c, "loyalty_tier", t.name)
			})
		}
		return
	}
}

// campaign writes to some customers, spread over half an hour, and comes again later.
func (s *Shop) campaign(now time.Time) {
	every := 3 * 24 * time.Hour
	if s.live(now) {
		every = 2 * time.Hour
	}
	s.at(now.Add(every), s.campaign)
	name := "news-" + now.Format("0102-15")
	for _, c := range s.customers {
		if s.chance(0.1) {
			s.at(now.Add(s.span(0, 30*time.Minute)), func(now time.Time) {
				s.message(c, name, now, func(now time.Time) { s.visit(c, now) })
			})
		}
	}
}

// message sends to a customer, who may open it, click, or never want another one. A click brings them to the shop.
func (s *Shop) message(c *shopper, name string, now time.Time, clicked func(now time.Time)) {
	if c.silent {
		return
	}
	channel := pick(s, []string{"email", "email", "whatsapp", "push", "sms"})
	tell := func(at time.Time, action string, then func(now time.Time)) {
		s.at(at, func(now time.Time) {
			s.emit(now, "campaigns", "campaign", c, "action", action, "campaign_id", name, "channel", channel)
			if then != nil {
				then(now)
			}
		})
	}
	tell(now, "sent", nil)
	if s.chance(0.04) {
		return
	}
	arrived := now.Add(s.span(time.Second, 20*time.Second))
	tell(arrived, "delivered", nil)
	if !s.chance(0.4) {
		return
	}
	opened := arrived.Add(s.span(30*time.Second, 40*time.Minute))
	tell(opened, "opened", nil)
	switch draw := s.random.Float64(); {
	case draw < 0.35:
		tell(opened.Add(s.span(3*time.Second, time.Minute)), "clicked", clicked)
	case draw < 0.38:
		c.silent = true
		tell(opened.Add(s.span(3*time.Second, time.Minute)), "unsubscribed", nil)
	}
}
