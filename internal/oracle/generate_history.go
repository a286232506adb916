package oracle

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ruas/ruas/internal/event"
)

// History makes events of a few customers, in order of arrival: many of one millisecond, on the edges of windows, late, or twice the same.
func (g *Generator) History() []*event.Event {
	g.missing = pick(g.r, []int{0, 0, 0, 3, 10, 30})
	customers := []string{"c1", "c2", "c3"}[:1+g.r.IntN(3)]
	n := 4 + g.r.IntN(20)
	times := make([]int64, n)
	for i := range times {
		times[i] = g.moment(14)
	}
	slices.Sort(times)
	var out []*event.Event
	for i, t := range times {
		if len(out) > 0 && g.chance(8) {
			again := out[g.r.IntN(len(out))].Clone()
			if g.chance(50) {
				again.Time = t
			}
			out = append(out, again)
		}
		if g.chance(15) {
			t -= int64(1+g.r.IntN(8)) * g.scale.unit
		}
		typ := g.types[g.r.IntN(len(g.types))]
		if g.chance(18) {
			typ = g.schema.Profile()
		}
		out = append(out, g.event(typ, fmt.Sprintf("e%02d", i), pick(g.r, customers), t))
	}
	return out
}

// Until is a moment at which to end a replay of a history: mostly some time behind its last event, so that time alone has its say.
func (g *Generator) Until(events []*event.Event) *int64 {
	end := g.base
	for _, e := range events {
		end = max(end, e.Time)
	}
	switch g.r.IntN(5) {
	case 0:
		return nil
	case 1:
		end = g.moment(14)
	default:
		end += int64(g.r.IntN(12))*g.scale.unit + int64(g.r.IntN(3)) - 1
	}
	return &end
}

func (g *Generator) event(t *event.Type, id, customer string, at int64) *event.Event {
	e := &event.Event{Type: t, ID: id, Customer: customer, Time: at, Props: make([]event.Value, len(t.Properties))}
	profile := t == g.schema.Profile()
	for i := range t.Properties {
		p := &t.Properties[i]
		switch {
		case profile && g.chance(70), !profile && !p.Required && g.chance(g.missing):
		case profile && g.chance(12):
			e.Props[i].Kind = event.Null
		default:
			e.Props[i] = g.value(p)
		}
	}
	return e
}

func (g *Generator) value(p *event.Property) event.Value {
	v := event.Value{Kind: p.Kind}
	switch p.Kind {
	case event.Int:
		n := pick(g.r, integers)
		if g.chance(3) {
			n = math.MaxInt64 - int64(g.r.IntN(3))
		}
		v.Num = uint64(n)
	case event.Double:
		v.Num = math.Float64bits(pick(g.r, doubles))
	case event.Bool:
		v.Num = uint64(g.r.IntN(2))
	case event.Moment:
		v.Num = uint64(g.moment(16) - 2*g.scale.unit)
	case event.Date:
		v.Str = pick(g.r, g.dates())
	case event.Strings:
		for range g.r.IntN(4) {
			v.SetList(append(v.List(), pick(g.r, words)))
		}
	default:
		v.Str = pick(g.r, pool(p))
	}
	return v
}

// JSON is an event as a record of a source with the default names.
func JSON(e *event.Event) []byte {
	fields := map[string]any{"id": e.ID, "type": e.Type.Name, "customer_id": e.Customer, "time": written(e.Time)}
	for i, v := range e.Props {
		name := e.Type.Properties[i].Name
		switch v.Kind {
		case event.Missing:
		case event.Null:
			fields[name] = nil
		case event.Int:
			fields[name] = int64(v.Num)
		case event.Double:
			fields[name] = double(v.Num)
		case event.Bool:
			fields[name] = v.Num != 0
		case event.Moment:
			fields[name] = written(int64(v.Num))
		case event.Strings:
			fields[name] = append([]string{}, v.List()...)
		default:
			fields[name] = v.Str
		}
	}
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return b
}

func written(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
