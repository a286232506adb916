package demo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// topics are where the shop's events go: the default sources.
var topics = []string{"purchases", "browsing", "devices", "profiles", "campaigns"}

// TrafficOptions says what Traffic sends where.
type TrafficOptions struct {
	Brokers    []string
	Partitions int // of topics that are missing; 0: 4
	// Speed is how many times as much happens. Times are those of the world all the same: a wait of half an hour takes half an hour.
	Speed     float64
	Customers int    // 0: the shop's default
	Seed      uint64 // 0: 1
	// Report is told what happens, in words.
	Report func(message string)
	// Ready is called once the topics are there, and what they are to hold of the past; nil: nobody is told.
	Ready func()
}

// Traffic sends the events of the simulated shop to a real Kafka until the context is cancelled. It waits for the broker, makes
// the topics that are missing, and sends the shop's history first where they are empty.
func Traffic(ctx context.Context, opt TrafficOptions) error {
	client, err := kgo.NewClient(clientOptions(opt.Brokers)...)
	if err != nil {
		return fmt.Errorf("connecting to Kafka: %w", err)
	}
	defer client.Close()
	if opt.Partitions == 0 {
		opt.Partitions = 4
	}
	empty, err := prepareTopics(ctx, client, opt)
	if err != nil {
		return err
	}
	now := time.Now()
	p := &producer{
		shop: NewShop(ShopOptions{
			Seed: opt.Seed, Customers: opt.Customers, Opening: now, Squeeze: opt.Speed,
			IDs: "t" + strconv.FormatInt(now.UnixMilli(), 36) + "-",
		}),
		clock: shopClock{opening: now, start: now, speed: 1},
	}
	if empty {
		opt.Report("sending the shop's history, then its traffic")
		if err := p.history(ctx, client); err != nil {
			return ended(err)
		}
	} else {
		opt.Report("the topics hold events already: sending the shop's traffic from now on")
	}
	if opt.Ready != nil {
		opt.Ready()
	}
	if err := ended(p.run(ctx, client)); err != nil {
		return err
	}
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := client.Flush(flush); err != nil {
		return fmt.Errorf("sending the last events: %w", err)
	}
	return nil
}

// prepareTopics makes topics, once the broker answers, and tells whether all are empty.
func prepareTopics(ctx context.Context, client *kgo.Client, opt TrafficOptions) (empty bool, err error) {
	admin := kadm.NewClient(client)
	for said := false; ; said = true {
		created, err := admin.CreateTopics(ctx, int32(opt.Partitions), -1, nil, topics...)
		if err == nil {
			for _, t := range created.Sorted() {
				if t.Err != nil && !errors.Is(t.Err, kerr.TopicAlreadyExists) {
					return false, fmt.Errorf("making topic %s: %w", t.Topic, t.Err)
				}
			}
			break
		}
		if !said {
			opt.Report(fmt.Sprintf("waiting for Kafka at %v: %v", opt.Brokers, err))
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(time.Second):
		}
	}
	ends, err := admin.ListEndOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return false, fmt.Errorf("reading how much the topics hold: %w", err)
	}
	empty = true
	ends.Each(func(o kadm.ListedOffset) { empty = empty && o.Offset == 0 })
	return empty, nil
}
