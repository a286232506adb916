package demo

import (
	"fmt"
	"strconv"
	"time"
)

// shopper is a customer of the shop.
type shopper struct {
	id      string
	persona persona
	place   place
	devices []device
	likes   []category
	until   time.Time // the end of the visits of one who fades
	spent   int
	tier    string
	orders  int
	carts   int
	silent  bool // has unsubscribed
}

type device struct {
	id, kind, os, version, app string
	push                       bool
}

// item is a product in a cart.
type item struct {
	category category
	product  string
	price    int
	quantity int
}

// signUp makes a customer, with a profile, who begins to visit. An old one signed up long before the history begins.
func (s *Shop) signUp(now time.Time, old bool) {
	c := &shopper{persona: s.drawPersona(), place: s.drawPlace()}
	c.id = fmt.Sprintf("%s-%04d", pick(s, firstNames), len(s.customers)+1)
	c.likes = []category{pick(s, categories), pick(s, categories), pick(s, categories)}
	if c.persona.business {
		c.likes = []category{categoryNamed("office"), categoryNamed("electronics"), categoryNamed("coffee")}
	}
	c.devices = []device{s.drawDevice(c)}
	if s.chance(0.3) {
		c.devices = append(c.devices, s.drawDevice(c))
	}
	if c.persona.fades {
		c.until = s.opening.Add(-s.span(20*24*time.Hour, 75*24*time.Hour))
	}
	s.customers = append(s.customers, c)

	signedUp := now
	if old {
		signedUp = now.Add(-s.span(time.Hour, 3*365*24*time.Hour))
	}
	s.emit(now, "profiles", "profile", c, s.profile(c, now, signedUp)...)
	if s.live(now) {
		s.at(now.Add(s.span(5*time.Second, time.Minute)), func(now time.Time) { s.visit(c, now) })
	}
	s.nextVisit(c, now)
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
	d := device{kind: "phone", os: "android", version: strconv.Itoa(s.between(11, 16))}
	switch draw := s.random.Float64(); {
	case c.persona.business || draw < 0.2:
		d.kind, d.os, d.version = "desktop", "windows", "11"
	case draw < 0.4:
		d.os, d.version = "ios", strconv.Itoa(s.between(16, 26))
	case draw < 0.48:
		d.kind, d.os, d.version = "tablet", "ipados", strconv.Itoa(s.between(16, 26))
	}
	d.id = fmt.Sprintf("d%d-%s", len(c.devices)+1, c.id)
	d.app = fmt.Sprintf("8.%d", s.between(0, 4))
	if s.chance(0.05) {
		d.app = fmt.Sprintf("3.%d", s.between(0, 9))
	}
	d.push = s.chance(0.6)
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
	age := s.between(17, 70)
	// Many birthdays lie in the days after the opening, so that a short demo has some.
	birthday := s.random.IntN(365)
	if s.chance(0.15) {
		birthday = s.opening.YearDay() + s.random.IntN(10)
	}
	born := time.Date(now.Year()-age, 1, 1+birthday, 0, 0, 0, 0, time.UTC)
	contact := contacts[len(s.customers)%len(contacts)]
	fields := []any{
		"birth_date", born.Format(time.DateOnly), "gender", pick(s, genders), "marital_status", pick(s, maritals),
		"income", s.between(3, 45) * 1_000_000, "education", pick(s, educations), "occupation", pick(s, occupations),
		"household_size", s.between(1, 6), "ethnicity", pick(s, ethnicities),
		"country", c.place.country, "province", c.place.province, "city", c.place.city,
		"postal_code", c.place.postal + strconv.Itoa(s.between(10, 99)), "climate", c.place.climate, "time_zone", c.place.zone,
		"lifestyle", pick(s, lifestyles), "interests", some(s, interests, s.between(1, 4)), "values", some(s, values, s.between(1, 3)),
		"personality", pick(s, personalities),
		"signed_up", signedUp.UTC().Format(time.RFC3339), "customer_since", signedUp.UTC().Format(time.DateOnly),
		"loyalty_tier", "bronze", "acquisition_channel", pick(s, acquisitions),
		"preferred_channel", contact.preferred, "consents", contact.consents,
	}
	if c.persona.business {
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
	next := now.Add(s.wait(mean))
	if c.persona.fades && next.After(c.until) {
		return
	}
	if !s.live(now) && s.live(next) {
		// Waits have no memory: the rest of this one is drawn at the rate after the opening.
		next = s.opening.Add(s.wait(mean / rush))
	}
	s.at(next, func(now time.Time) {
		s.visit(c, now)
		s.nextVisit(c, now)
	})
}

// visit comes with a device, browses, perhaps fills a cart, and perhaps buys it. Now and then it is a store that is visited.
func (s *Shop) visit(c *shopper, now time.Time) {
	if c.persona.visits > 0.3 && s.chance(0.05) {
		s.visitStore(c, now)
		return
	}
	if s.chance(0.01) {
		c.devices = append(c.devices, s.drawDevice(c))
	}
	d := pick(s, c.devices)
	channel := "web"
	if d.kind != "desktop" && s.chance(0.7) {
		channel = "app"
	}
	kind := "device_seen"
	if s.chance(0.3) {
		kind = "login"
	}
	s.emit(now, "devices", kind, c, "device_id", d.id, "device_type", d.kind, "os", d.os, "os_version", d.version,
		"app_version", d.app, "push_enabled", d.push)

	t := now.Add(s.span(time.Second, 5*time.Second))
	s.at(t, func(now time.Time) {
		s.emit(now, "browsing", "page_view", c, "page", pick(s, pages), "referrer", pick(s, referrers), "channel", channel)
	})
	var seen []item
	for range 1 + s.random.IntN(6) {
		one := s.find(c)
		seen = append(seen, one)
		t = t.Add(s.span(10*time.Second, 2*time.Minute))
		s.at(t, func(now time.Time) { s.view(c, one, channel, now) })
	}
	if s.chance(c.persona.cart) {
		s.fillCart(c, seen[:s.between(1, min(len(seen), 3))], channel, t)
	}
}

// find draws a product.
func (s *Shop) find(c *shopper) item {
	kind := pick(s, c.likes)
	if s.chance(0.3) {
		kind = pick(s, categories)
	}
	return item{kind, fmt.Sprintf("%s-%d", kind.name, s.between(1, kind.products)), s.price(kind), s.between(1, c.persona.maxItems)}
}

// visitStore buys at a till, sometimes of another city.
func (s *Shop) visitStore(c *shopper, now time.Time) {
	city := c.place.city
	if s.chance(0.3) {
		city = s.drawPlace().city
	}
	s.pay(c, "", []item{s.find(c)}, now, "channel", "store", "store", fmt.Sprintf("%s %d", city, s.between(1, 3)), "city", city)
}

func (s *Shop) view(c *shopper, one item, channel string, now time.Time) {
	if s.chance(0.25) {
		query := pick(s, one.category.words)
		if c.persona.coupon > 0.5 {
			query = pick(s, bargains) + query
		}
		s.emit(now, "browsing", "search", c, "query", query, "category", one.category.name, "channel", channel)
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
			s.message(c, "cart-reminder", now, func(now time.Time) bool {
				back := s.chance(0.5)
				if back {
					s.buy(c, cart, items, channel, now)
				}
				return back
			})
		})
	}
}

// buy checks out after t and, mostly, pays.
func (s *Shop) buy(c *shopper, cart string, items []item, channel string, t time.Time) {
	t = t.Add(s.span(20*time.Second, 4*time.Minute))
	s.at(t, func(now time.Time) {
		s.emit(now, "browsing", "checkout", c, "cart_id", cart, "channel", channel)
	})
	if s.chance(0.1) {
		return // left at the checkout
	}
	coupon := ""
	if s.chance(c.persona.coupon) {
		coupon = pick(s, coupons)
	}
	s.at(t.Add(s.span(20*time.Second, 3*time.Minute)), func(now time.Time) {
		s.pay(c, cart, items, now, "channel", channel, "city", c.place.city, "coupon", coupon)
	})
}

// pay buys the items, which may come back later. fields are more names and values of the purchase, in turn.
func (s *Shop) pay(c *shopper, cart string, items []item, now time.Time, fields ...any) {
	amount, pieces := 0, 0
	for _, one := range items {
		amount += one.price * one.quantity
		pieces += one.quantity
	}
	c.orders++
	fields = append([]any{
		"amount", amount, "currency", "IDR", "order_id", fmt.Sprintf("%s-o%d", c.id, c.orders), "cart_id", cart,
		"category", items[0].category.name, "product_id", items[0].product, "items", pieces,
	}, fields...)
	s.emit(now, "purchases", "purchase", c, fields...)
	s.promote(c, amount, now)
	if s.chance(c.persona.refund) {
		s.at(now.Add(s.span(6*time.Hour, 5*24*time.Hour)), func(now time.Time) {
			s.emit(now, "purchases", "refund", c, fields...)
		})
	}
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
				s.message(c, name, now, func(now time.Time) bool {
					s.visit(c, now)
					return false
				})
			})
		}
	}
}

// message sends to a customer, who may open it, click, or never want another one. clicked tells whether a click leads to a purchase.
func (s *Shop) message(c *shopper, name string, now time.Time, clicked func(now time.Time) bool) {
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
		tell(opened.Add(s.span(3*time.Second, time.Minute)), "clicked", func(now time.Time) {
			if clicked(now) {
				tell(now.Add(s.span(8*time.Minute, 12*time.Minute)), "converted", nil)
			}
		})
	case draw < 0.38:
		c.silent = true
		tell(opened.Add(s.span(3*time.Second, time.Minute)), "unsubscribed", nil)
	}
}
