package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/kafka"
	"github.com/ruas/ruas/internal/pipeline"
	"github.com/ruas/ruas/internal/redis"
	"github.com/ruas/ruas/internal/replay"
	"github.com/ruas/ruas/internal/rule"
)

const partitions = 4

var sourceNames = []string{"purchases", "browsing", "devices"}

// rig is a cluster, a Redis and what is needed to run workers on them.
type rig struct {
	t       *testing.T
	brokers []string
	redis   []string
	suffix  string // of topics
	group   string
	schema  *event.Schema
	engine  *engine.Engine
	client  *kgo.Client
	log     *zap.Logger
	// change edits the options of workers that start, connect those of their connections.
	change  func(*pipeline.Options)
	connect func(*kafka.Options, *redis.Options)
	own     []kgo.Opt // of the test's own clients
}

// fakes starts kfake and miniredis.
func fakes(t *testing.T, rules string) (*rig, *miniredis.Miniredis) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(500*time.Millisecond), kfake.SeedTopics(partitions, sourceNames...))
	if err != nil {
		t.Fatalf("starting kfake: %v", err)
	}
	t.Cleanup(cluster.Close)
	mini := miniredis.RunT(t)
	return newRig(t, cluster.ListenAddrs(), []string{mini.Addr()}, "", rules), mini
}

// newRig uses servers that run. Tests on the same servers differ by their suffix, of topics and of the group.
func newRig(t *testing.T, brokers, redisAddresses []string, suffix, rules string, own ...kgo.Opt) *rig {
	t.Helper()
	r := &rig{t: t, brokers: brokers, redis: redisAddresses, suffix: suffix, group: "ruas" + suffix, log: zap.NewNop(), own: own}
	if os.Getenv("RUAS_TEST_LOG") != "" {
		r.log = zap.Must(zap.NewDevelopment(zap.IncreaseLevel(zap.InfoLevel), zap.AddStacktrace(zap.PanicLevel)))
	}
	var err error
	if r.schema, err = event.LoadSchema(); err != nil {
		t.Fatal(err)
	}
	r.engine = r.compile(rules)
	r.client, err = kgo.NewClient(append(slices.Clone(own), kgo.SeedBrokers(brokers...), kgo.MetadataMinAge(100*time.Millisecond))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.client.Close)
	return r
}

func (r *rig) compile(rules string) *engine.Engine {
	r.t.Helper()
	set, err := rule.Parse(r.schema, map[string][]byte{"rules.yaml": []byte(rules)})
	if err != nil {
		r.t.Fatalf("parsing rules: %v", err)
	}
	e, err := engine.New(set, engine.Options{})
	if err != nil {
		r.t.Fatalf("compiling rules: %v", err)
	}
	return e
}

func (r *rig) kafka(wire *wire) *kafka.Kafka {
	opt := kafka.Options{
		Brokers: r.brokers, Group: r.group, Logger: r.log.Named("kafka"), Dialer: wire.dial,
		SessionTimeout: 2 * time.Second, RebalanceTimeout: 5 * time.Second, Patience: 10 * time.Second,
	}
	if r.connect != nil {
		r.connect(&opt, new(redis.Options))
	}
	k, err := kafka.New(opt)
	if err != nil {
		r.t.Fatal(err)
	}
	return k
}

func (r *rig) view(wire *wire) *redis.Redis {
	opt := redis.Options{
		Addresses: r.redis, Prefix: "ruas:", Group: r.group, Logger: r.log.Named("redis"), Timeout: time.Second, Dialer: wire.dial,
	}
	if r.connect != nil {
		r.connect(new(kafka.Options), &opt)
	}
	v, err := redis.New(opt)
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

// worker is a running pipeline.
type worker struct {
	*pipeline.Pipeline
	wire *wire
	t    *testing.T
	stop context.CancelFunc
	done chan error
}

// kill ends a worker as a crash does.
func (w *worker) kill() {
	w.wire.cut()
	w.stop()
}

// start runs a worker whose time moves by records alone.
func (r *rig) start() *worker {
	r.t.Helper()
	wire := new(wire)
	r.t.Cleanup(wire.mend)
	view := r.view(wire)
	partition, err := kafka.Partitioner("murmur2")
	if err != nil {
		r.t.Fatal(err)
	}
	opt := pipeline.Options{
		Log: r.kafka(wire), View: view, Engine: r.engine, Records: true, Partition: partition,
		Changes: "segment-changes" + r.suffix, State: "segment-state" + r.suffix, DeadLetters: "dead-letters" + r.suffix, Logger: r.log,
	}
	for _, name := range sourceNames {
		opt.Sources = append(opt.Sources, pipeline.Source{Name: name, Topic: name + r.suffix, NewDecoder: r.decoder(name)})
	}
	if r.change != nil {
		r.change(&opt)
	}
	p, err := pipeline.New(opt)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &worker{Pipeline: p, wire: wire, t: r.t, stop: cancel, done: make(chan error, 1)}
	go func() {
		w.done <- p.Run(ctx)
		_ = view.Close()
	}()
	r.t.Cleanup(cancel)
	return w
}

func (r *rig) decoder(name string) func() (pipeline.Decoder, error) {
	return func() (pipeline.Decoder, error) {
		return event.NewDecoder(r.schema, event.Source{Name: name}, r.engine.Needs())
	}
}

// end stops a worker and checks that it ends well.
func (w *worker) end() {
	w.t.Helper()
	w.stop()
	select {
	case err := <-w.done:
		if err != nil {
			w.t.Errorf("the worker ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		buf := make([]byte, 1<<20)
		w.t.Fatalf("the worker does not end:\n%s", buf[:runtime.Stack(buf, true)])
	}
}

// produce writes records to the sources.
func (r *rig) produce(records ...*kgo.Record) {
	r.t.Helper()
	for _, rec := range records {
		rec.Topic += r.suffix
	}
	if err := r.client.ProduceSync(r.t.Context(), records...).FirstErr(); err != nil {
		r.t.Fatalf("producing: %v", err)
	}
}

// record is an event as it is produced.
func record(topic, customer, id, kind string, at int64, more string) *kgo.Record {
	value := fmt.Sprintf(`{"id":%q,"type":%q,"customer_id":%q,"time":%q%s}`, id, kind, customer,
		time.UnixMilli(at).UTC().Format("2006-01-02T15:04:05.000Z07:00"), more)
	return &kgo.Record{Topic: topic, Key: []byte(customer), Value: []byte(value)}
}

// settle waits until the group's offsets are at the ends of all sources.
func (r *rig) settle() {
	r.t.Helper()
	admin := kadm.NewClient(r.client)
	var topics []string
	for _, name := range sourceNames {
		topics = append(topics, name+r.suffix)
	}
	deadline := time.Now().Add(90 * time.Second)
	for {
		ends, err := admin.ListEndOffsets(r.t.Context(), topics...)
		if err != nil {
			r.t.Fatalf("reading ends: %v", err)
		}
		committed, err := admin.FetchOffsets(r.t.Context(), r.group)
		if err != nil && time.Now().After(deadline) {
			r.t.Fatalf("reading the group's offsets: %v", err)
		}
		behind := ""
		ends.Each(func(o kadm.ListedOffset) {
			if c, ok := committed.Lookup(o.Topic, o.Partition); (!ok || c.At < o.Offset) && o.Offset > 0 {
				behind = fmt.Sprintf("%s/%d: %d of %d", o.Topic, o.Partition, c.At, o.Offset)
			}
		})
		if behind == "" {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("not at the end: %s", behind)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// read gives what a read_committed reader sees of a topic, in the order of each partition.
func (r *rig) read(topic string) []*kgo.Record {
	r.t.Helper()
	topic += r.suffix
	ends, err := kadm.NewClient(r.client).ListEndOffsets(r.t.Context(), topic)
	if err != nil {
		r.t.Fatalf("reading the end of %s: %v", topic, err)
	}
	from := make(map[int32]kgo.Offset)
	left := make(map[int32]int64)
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			from[o.Partition], left[o.Partition] = kgo.NewOffset().At(0), o.Offset
		}
	})
	if len(from) == 0 {
		return nil
	}
	cl, err := kgo.NewClient(append(slices.Clone(r.own), kgo.SeedBrokers(r.brokers...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))...)
	if err != nil {
		r.t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	var records []*kgo.Record
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			r.t.Fatalf("reading %s: %v", topic, err)
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			if !rec.Attrs.IsControl() {
				records = append(records, rec)
			}
			if rec.Offset+1 >= left[rec.Partition] {
				delete(left, rec.Partition)
			}
		})
	}
	slices.SortFunc(records, func(a, b *kgo.Record) int {
		if a.Partition != b.Partition {
			return int(a.Partition - b.Partition)
		}
		return int(a.Offset - b.Offset)
	})
	return records
}

// changes gives the published changes of each customer, in order.
func (r *rig) changes() map[string][]string {
	r.t.Helper()
	by := make(map[string][]string)
	for _, rec := range r.read("segment-changes") {
		by[string(rec.Key)] = append(by[string(rec.Key)], string(rec.Value))
	}
	return by
}

// replayed gives what ruas replay prints for the same events, a file a source, up to until.
func (r *rig) replayed(files map[string][]byte, until int64) map[string][]string {
	r.t.Helper()
	dir := r.t.TempDir()
	var out bytes.Buffer
	opt := replay.Options{Engine: r.engine, Schema: r.schema, Until: &until, Partitions: partitions, Out: &out}
	for _, name := range sourceNames {
		path := filepath.Join(dir, name+".jsonl")
		if err := os.WriteFile(path, files[name], 0o600); err != nil {
			r.t.Fatal(err)
		}
		opt.Files = append(opt.Files, replay.File{Path: path})
	}
	opt.Rejects = refuse{r.t}
	if _, err := replay.Run(r.t.Context(), opt); err != nil {
		r.t.Fatalf("replaying: %v", err)
	}
	by := make(map[string][]string)
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSuffix(line, "\n")
		_, after, _ := strings.Cut(line, `"customer_id":"`)
		customer, _, _ := strings.Cut(after, `"`)
		by[customer] = append(by[customer], line)
	}
	return by
}

// compare fails where what was published differs from what was to be.
func (r *rig) compare(got, want map[string][]string) {
	r.t.Helper()
	n := 0
	for _, lines := range want {
		n += len(lines)
	}
	if n == 0 {
		r.t.Fatal("no change is expected: the test proves nothing")
	}
	failures := 0
	for customer := range got {
		if _, ok := want[customer]; !ok && failures < 3 {
			failures++
			r.t.Errorf("customer %s: got %d changes, want none: %s", customer, len(got[customer]), got[customer][0])
		}
	}
	for customer, lines := range want {
		if failures > 3 {
			return
		}
		if !slices.Equal(got[customer], lines) {
			failures++
			r.t.Errorf("customer %s:\n got %s\nwant %s", customer, strings.Join(got[customer], "\n     "), strings.Join(lines, "\n     "))
		}
	}
}
