package subscribe_test

import (
	"context"
	"fmt"
	"log"

	"github.com/segmentio/kafka-go"

	"github.com/ruas/ruas/subscribe"
)

// A service that acts on changes keeps the position beside the effect, in one write, and goes on from there.
func ExampleTopic_Follow() {
	changes := &subscribe.Topic{
		Brokers: kafka.TCP("127.0.0.1:9092"), Name: "segment-changes",
		Retrying: func(err error) { log.Print(err) },
	}
	var store interface { // the service's own database
		Positions() subscribe.Positions
		// Book writes what a change asks for, and the position behind it, in one transaction.
		Book(c *subscribe.Change, partition int32, next int64) error
	}
	err := changes.Follow(context.Background(), store.Positions(), func(_ context.Context, batch []*subscribe.Record) error {
		for _, r := range batch {
			c, err := subscribe.ParseChange(r)
			if err != nil {
				return err
			}
			if err := store.Book(c, r.Partition, r.Offset+1); err != nil {
				return err
			}
		}
		return nil
	})
	log.Fatal(err)
}

// A service that needs the present state and not the changes reads the compacted topic to its end, and then follows it.
func ExampleTopic_ReadToEnd() {
	var (
		ctx         = context.Background()
		memberships = &subscribe.Topic{Brokers: kafka.TCP("127.0.0.1:9092"), Name: "segment-memberships"}
		segments    = make(chan *subscribe.Membership)
	)
	handle := func(_ context.Context, batch []*subscribe.Record) error {
		for _, r := range batch {
			m, err := subscribe.ParseMembership(r)
			if err != nil {
				return err
			}
			segments <- m
		}
		return nil
	}
	next, err := memberships.ReadToEnd(ctx, nil, handle)
	if err != nil {
		log.Fatal(err)
	}
	// From here on what is known is complete: begin to answer.
	log.Fatal(memberships.Follow(ctx, next, handle))
}

func ExampleMark() {
	seen := map[string]subscribe.Mark{} // kept with the effect
	for _, seq := range []uint64{1, 2, 2, 3} {
		c := &subscribe.Change{CustomerID: "c42", Segment: "loyal", Seq: seq}
		of := c.CustomerID + "/" + c.Segment
		isNew, err := seen[of].Before(c)
		if err != nil {
			log.Fatal(err)
		}
		if isNew {
			fmt.Println("act on", c.Seq)
			seen[of] = subscribe.MarkOf(c)
		}
	}
	// Output:
	// act on 1
	// act on 2
	// act on 3
}
