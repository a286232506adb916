package kafka

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/pipeline"
)

func TestFencing(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(500*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	fencing(t, cluster.ListenAddrs(), false)
}

// claims notes what a group gives.
type claims struct {
	mu     sync.Mutex
	member pipeline.Member
	number []int32
	given  chan struct{}
}

func (*claims) Waiting(error) {}

func (c *claims) Assigned(m pipeline.Member, numbers []int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.member, c.number = m, numbers
	select {
	case c.given <- struct{}{}:
	default:
	}
}
func (c *claims) Revoked() {}
func (c *claims) Lost()    {}

func (c *claims) get() (pipeline.Member, []int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.member, c.number
}

// member is one worker's place in the group.
func member(t *testing.T, k *Kafka, layout pipeline.Layout) (*claims, context.CancelFunc) {
	t.Helper()
	c := &claims{given: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- k.Join(ctx, layout, c) }()
	select {
	case <-c.given:
	case err := <-ended:
		t.Fatalf("joining the group: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("no partition is given")
	}
	return c, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("leaving the group: %v", err)
		}
	}
}

// fencing holds a cluster to docs/adr/0001: whoever lost a partition commits nothing more, not even a transaction without new offsets.
// tells says that the cluster gives records its own time.
func fencing(t *testing.T, brokers []string, tells bool) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	k, err := New(Options{Brokers: brokers, Group: "fencing", SessionTimeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	topics := pipeline.Topics{
		Sources: []pipeline.SourceTopic{{Topic: "fencing-a"}, {Topic: "fencing-b"}},
		Changes: "fencing-changes", State: "fencing-state", DeadLetters: "fencing-dead",
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for _, s := range topics.Sources {
		if _, err := kadm.NewClient(cl).CreateTopic(ctx, 2, -1, nil, s.Topic); err != nil {
			t.Fatal(err)
		}
	}
	layout, err := k.Prepare(ctx, topics)
	if err != nil {
		t.Fatal(err)
	}
	open := func(t *testing.T, number int32, m pipeline.Member) *partition {
		t.Helper()
		p, err := k.Open(ctx, layout, number, m)
		if err != nil {
			t.Fatalf("opening partition %d: %v", number, err)
		}
		t.Cleanup(p.Close)
		return p.(*partition)
	}
	// timerOnly is a transaction in which no offset moves.
	timerOnly := func(value string) *pipeline.Transaction {
		return &pipeline.Transaction{
			Changes: []pipeline.Message{{Key: []byte("c1"), Value: []byte(value)}},
			State:   []pipeline.Message{{Key: []byte("t"), Value: []byte(value)}},
			Offsets: []int64{0, 0},
		}
	}
	a, leave := member(t, k, layout)
	m, numbers := a.get()
	if len(numbers) != 2 {
		t.Fatalf("the only member got %v, want both partitions", numbers)
	}

	t.Run("a member commits", func(t *testing.T) {
		p := open(t, 0, m)
		if !p.implicit {
			t.Error("the broker's transactions take offsets without being told of them first, and it was not noticed")
		}
		_, before, err := p.StateBounds(ctx)
		if err != nil {
			t.Fatal(err)
		}
		end, err := p.Commit(ctx, timerOnly("first"))
		if err != nil {
			t.Fatalf("committing: %v", err)
		}
		if end.State != before+1 || end.Changes < 1 {
			t.Errorf("it reached %+v, want the state to end at %d, and a change", end, before+1)
		}
		if _, err := p.Commit(ctx, timerOnly("second")); err != nil {
			t.Errorf("committing again: %v", err)
		}
	})
	t.Run("the next owner ends what the last one left open, at once", func(t *testing.T) {
		old := open(t, 0, m)
		if err := old.producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if _, err := old.produce(ctx, timerOnly("left open")); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		next := open(t, 0, m)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("taking over took %v", took)
		}
		if _, err := next.Commit(ctx, timerOnly("third")); err != nil {
			t.Errorf("the next owner cannot commit: %v", err)
		}
		if err := old.producer.EndTransaction(ctx, kgo.TryCommit); !fenced(err) {
			t.Errorf("the last owner ends its transaction with %v, want it fenced", err)
		}
	})
	t.Run("the last owner cannot commit", func(t *testing.T) {
		old := open(t, 1, m)
		open(t, 1, m)
		if _, err := old.Commit(ctx, timerOnly("by a zombie")); !errors.Is(err, pipeline.ErrFenced) {
			t.Errorf("got %v, want ErrFenced", err)
		}
	})
	t.Run("an older generation cannot commit", func(t *testing.T) {
		p := open(t, 1, pipeline.Member{ID: m.ID, Generation: m.Generation - 1})
		if _, err := p.Commit(ctx, timerOnly("by an old generation")); !errors.Is(err, pipeline.ErrFenced) {
			t.Errorf("got %v, want ErrFenced", err)
		}
	})
	t.Run("who is out of the group cannot commit, though nobody took over", func(t *testing.T) {
		p := open(t, 1, m)
		leave()
		if _, err := p.Commit(ctx, timerOnly("by one that left")); !errors.Is(err, pipeline.ErrFenced) {
			t.Errorf("got %v, want ErrFenced", err)
		}
	})
	t.Run("a reader sees what was committed, no more", func(t *testing.T) {
		b, leave := member(t, k, layout)
		defer leave()
		m, _ := b.get()
		var got []string
		for number := range int32(2) {
			p := open(t, number, m)
			first, end, err := p.StateBounds(ctx)
			if err != nil {
				t.Fatal(err)
			}
			err = p.ReadState(ctx, first, end, func(r pipeline.StateRecord) error {
				got = append(got, string(r.Value))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if want := []string{"first", "second", "third"}; len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("the broker tells its time", func(t *testing.T) {
		b, leave := member(t, k, layout)
		defer leave()
		m, _ := b.get()
		p := open(t, 0, m)
		end, err := p.Commit(ctx, timerOnly("now"))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.ReadState(ctx, end.State-1, end.State, func(pipeline.StateRecord) error { return nil }); err != nil {
			t.Fatal(err)
		}
		skew, ok, err := p.Skew(ctx)
		if err != nil || ok != tells || skew != 0 {
			t.Errorf("skew %v, told %v, error %v; want none, told %v", skew, ok, err, tells)
		}
		p.last.sent = p.last.sent.Add(time.Minute)
		if skew, _, err := p.Skew(ctx); err != nil || tells && (skew > -58*time.Second || skew < -62*time.Second) {
			t.Errorf("a worker whose clock is a minute ahead: skew %v, error %v", skew, err)
		}
	})
}
