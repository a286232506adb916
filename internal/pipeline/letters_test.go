package pipeline_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/deadletter"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/pipeline"
)

const buyerRule = `segments: {buyer: {when: purchase.size() >= 1}}`

func TestDeadLettersAreSentAgain(t *testing.T) {
	r, _ := fakes(t, buyerRule)
	sendAgain(r)
}

// letters are the rig's, as a server that was just started sees them.
func (r *rig) letters() *deadletter.Letters {
	opt := deadletter.Options{Log: r.kafka(new(wire)), Topic: "dead-letters" + r.suffix, Partitions: partitions}
	for _, name := range sourceNames {
		opt.Sources = append(opt.Sources, deadletter.Source{Name: name, Topic: name + r.suffix})
	}
	return deadletter.New(opt)
}

// sendAgain has records set aside because of a mapping that is missing, lists them, and sends them again once it is there.
func sendAgain(r *rig) {
	t := r.t
	t.Helper()
	mapped := false
	r.change = func(opt *pipeline.Options) {
		if mapped {
			opt.Sources[0].NewDecoder = func() (pipeline.Decoder, error) {
				return event.NewDecoder(r.schema, event.Source{Name: "purchases", Fields: map[string]string{"time": "ts"}}, r.engine.Needs())
			}
		}
	}
	customers := []string{"a", "b", "c", "d", "e", "f", "g"}
	var records []*kgo.Record
	for i, c := range customers {
		rec := record("purchases", c, "e"+c, "purchase", int64(1000+i), `,"amount":5`)
		rec.Value = []byte(strings.Replace(string(rec.Value), `"time"`, `"ts"`, 1))
		rec.Headers = []kgo.RecordHeader{{Key: "reason", Value: []byte("the producer's own")}, {Key: "shop", Value: []byte(c)}}
		records = append(records, rec)
	}
	records = append(records, &kgo.Record{Topic: "purchases", Key: []byte("h"), Value: []byte("{\xff")})
	w := r.start()
	r.produce(records...)
	r.settle()
	w.end()

	letters := r.letters()
	ctx := t.Context()
	var all []deadletter.Letter
	q := deadletter.Query{Limit: 3}
	for pages := 1; ; pages++ {
		page, err := letters.List(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Letters...)
		if q.Before = page.Next; q.Before == nil || pages > 10 {
			break
		}
	}
	if len(all) != len(records) || !slices.IsSortedFunc(all, func(a, b deadletter.Letter) int { return int(b.Time - a.Time) }) {
		t.Fatalf("%d letters, want %d, the newest first: %+v", len(all), len(records), all)
	}
	for _, l := range all {
		i := slices.IndexFunc(records, func(rec *kgo.Record) bool { return string(rec.Key) == string(l.Key) })
		if i < 0 || string(records[i].Value) != string(l.Value) || l.Source != "purchases" || l.SourcePartition != records[i].Partition || l.SourceOffset != records[i].Offset || l.Never != "" {
			t.Errorf("%+v of %s", l, l.Value)
		}
	}
	of := func(reason event.Reason) deadletter.Query {
		return deadletter.Query{Reason: string(reason), Limit: 100}
	}
	broken, err := letters.List(ctx, of(event.ReasonJSON))
	if err != nil || len(broken.Letters) != 1 || string(broken.Letters[0].Key) != "h" {
		t.Fatalf("those that are no JSON: %+v, %v", broken, err)
	}

	replay := func(from *deadletter.Letters, what deadletter.Request, sent int, skipped map[deadletter.Why]int) {
		t.Helper()
		done, err := from.Replay(ctx, what)
		if err != nil || done.Replayed != sent || !maps.Equal(done.Skipped, skipped) || done.From != nil {
			t.Errorf("%+v: %+v, %v; want %d sent, skipped %v", what, done, err, sent, skipped)
		}
	}
	late := deadletter.Request{Reason: string(event.ReasonField)}
	early := late
	early.Until = all[len(all)-1].Time
	replay(letters, early, 0, nil)
	replay(letters, late, len(customers), nil)
	replay(letters, late, 0, map[deadletter.Why]int{deadletter.Repeated: len(customers)})
	replay(r.letters(), late, len(customers), nil) // it cannot know: ids do
	place := broken.Letters[0].Place
	replay(letters, deadletter.Request{Places: []deadletter.Place{place, {Partition: place.Partition, Offset: 1 << 40}, {Partition: 99}}}, 1,
		map[deadletter.Why]int{deadletter.Gone: 2})

	mapped = true
	w = r.start()
	r.settle()
	w.end()
	changes := r.changes()
	for _, c := range customers {
		if len(changes[c]) != 1 || !strings.Contains(changes[c][0], `"event_id":"e`+c+`"`) {
			t.Errorf("%s: %q, want one join", c, changes[c])
		}
	}
	for _, rec := range r.read("purchases") {
		headers := map[string]string{}
		for _, h := range rec.Headers {
			headers[h.Key] = string(h.Value)
		}
		if of, again := headers[deadletter.HeaderReplayOf]; again && string(rec.Key) != "h" && (headers["shop"] != string(rec.Key) || headers["reason"] != "the producer's own" || len(headers) != 3) {
			t.Errorf("%s was sent again from %s with %v", rec.Key, of, headers)
		}
	}

	// What is still no good comes back, and says what it was.
	back, err := letters.List(ctx, of(event.ReasonJSON))
	if err != nil || len(back.Letters) != 2 || back.Letters[0].ReplayOf == nil || *back.Letters[0].ReplayOf != place || back.Letters[1].Replayed == 0 {
		t.Fatalf("come back: %+v, %v", back, err)
	}
	again := back.Letters[0].Place
	replay(letters, deadletter.Request{Places: []deadletter.Place{again}}, 1, nil)
	w = r.start()
	r.settle()
	w.end()
	back, err = letters.List(ctx, of(event.ReasonJSON))
	if err != nil || len(back.Letters) != 3 || back.Letters[0].ReplayOf == nil || *back.Letters[0].ReplayOf != again {
		t.Fatalf("come back twice: %+v, %v", back, err)
	}
	if rest, err := letters.List(ctx, of(event.ReasonField)); err != nil || len(rest.Letters) != len(customers) {
		t.Errorf("%d letters of the mapping, want the %d of before: %v", len(rest.Letters), len(customers), err)
	}
}
