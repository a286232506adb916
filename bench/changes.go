package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// change is what all programs write of a change.
type change struct {
	Customer string `json:"customer_id"`
	Segment  string `json:"segment"`
	Change   string `json:"change"`
	Time     string `json:"time"`
	Cause    string `json:"cause"`
	EventID  string `json:"event_id"`
	Seq      uint64 `json:"seq"`
}

// comparable is a change as a line in which equal ones are equal. Event ids are left out: changes of an event say which by their time.
func (c *change) comparable() string {
	return c.Customer + " " + c.Segment + " " + strconv.FormatUint(c.Seq, 10) + " " + c.Change + " " + c.Time + " " + c.Cause
}

func parseChange(line []byte) (c change, err error) {
	if err := json.Unmarshal(line, &c); err != nil {
		return c, fmt.Errorf("%w in %s", err, line)
	}
	return c, nil
}

// readChanges reads changes as JSON lines, and sorts them.
func readChanges(r io.Reader) ([]string, error) {
	var list []string
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		c, err := parseChange(lines.Bytes())
		if err != nil {
			return nil, err
		}
		list = append(list, c.comparable())
	}
	slices.Sort(list)
	return list, lines.Err()
}

// each reads the committed records of a topic up to its present end.
func (b *bench) each(ctx context.Context, topic string, do func(*kgo.Record) error) error {
	ends, err := b.ends(topic)
	if err != nil {
		return err
	}
	left := map[int32]int64{} // by partition: its end
	starts := map[int32]kgo.Offset{}
	for p, end := range ends[topic] {
		if end.Offset > 0 {
			left[p], starts[p] = end.Offset, kgo.NewOffset().At(0)
		}
	}
	// Control records show how far a partition is read where it ends with a transaction's marker.
	client, err := kgo.NewClient(kgo.SeedBrokers(b.kafka.Addresses...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts}))
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer client.Close()
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("reading %s: %w", topic, err)
		}
		var failed error
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
			if !r.Attrs.IsControl() && failed == nil {
				failed = do(r)
			}
		})
		if failed != nil {
			return failed
		}
	}
	return nil
}

// published gives the changes on a topic, sorted.
func (b *bench) published(topic string) ([]string, error) {
	var list []string
	err := b.each(b.ctx, topic, func(r *kgo.Record) error {
		c, err := parseChange(r.Value)
		if err == nil {
			list = append(list, c.comparable())
		}
		return err
	})
	slices.Sort(list)
	return list, err
}

// differ says how two sorted lists differ; empty: they are equal.
func differ(got, want []string) string {
	var missing, extra int
	var examples []string
	note := func(n *int, what, line string) {
		if *n++; *n <= 3 {
			examples = append(examples, what+" "+line)
		}
	}
	for len(got)+len(want) > 0 {
		switch {
		case len(want) == 0 || (len(got) > 0 && got[0] < want[0]):
			note(&extra, "not expected:", got[0])
			got = got[1:]
		case len(got) == 0 || want[0] < got[0]:
			note(&missing, "missing:", want[0])
			want = want[1:]
		default:
			got, want = got[1:], want[1:]
		}
	}
	if missing+extra == 0 {
		return ""
	}
	return fmt.Sprintf("%d changes are missing, %d are not expected; %s", missing, extra, strings.Join(examples, "; "))
}
