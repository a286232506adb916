package engine

// The most that a customer's encoded state takes, in bytes, with the id that is its record's key: a record of Kafka holds
// 1 MB, and what is kept beside the state needs room too. From shedBeyond on a state sheds, so that what it may grow by
// until it is measured again finds room.
const (
	maxState   = 900_000
	shedBeyond = 880_000
)

// room is how much c's state may still grow before it is measured.
func room(c *Customer, size int) int {
	// Half, for the new entry of a column may change how all of them are written.
	return max((shedBeyond-len(c.id)-size)/2, (maxState-shedBeyond)/4)
}

// fit measures c when it may have grown beyond what a record holds, and makes it shed its oldest entries until it fits. It
// tells whether it did: every segment is then to be decided anew.
func (s *stepper) fit(c *Customer) (shed bool) {
	for {
		s.buf = s.encode(c, s.buf[:0])
		size := len(s.buf)
		if size+len(c.id) <= shedBeyond || !s.halve(c) {
			c.room = room(c, size)
			return shed
		}
		shed = true
		s.frame.Reopen()
	}
}

// halve takes the older half out of the largest part of c's state; false where there is nothing left to take.
func (e *Engine) halve(c *Customer) bool {
	attribute, ok := e.plan.Halve(&c.state, c.at)
	if attribute {
		c.more().shed++
	}
	return ok
}

// Shed returns how many entries of c's state the bounds pushed out while a rule still asked for them. It never falls.
func (e *Engine) Shed(c *Customer) int64 {
	n := c.state.Shed()
	if c.rare != nil {
		n += c.rare.shed
	}
	return n
}

// maxAsides is the most that a customer's events ahead of the present may take, in bytes.
const maxAsides = 400_000

// Holds tells whether there is room for another event that is ahead of the present.
func (c *Customer) Holds(a Aside) bool {
	n := len(a.Record)
	for _, old := range c.asides() {
		n += len(old.Record)
	}
	return n <= maxAsides
}
