package simulation

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/kafka"
	"github.com/ruas/ruas/internal/rule"
)

// brokers is how many there are.
const brokers = 3

// Names on the servers.
const (
	group       = "sim"
	prefix      = "ruas:"
	changes     = "segment-changes"
	states      = "segment-state"
	deadLetters = "dead-letters"
	memberships = "segment-memberships"
	forgets     = "ruas-forget"
)

// Time-outs, as short as they are in a nervous cluster.
const (
	sessionTimeout     = 6 * time.Second
	rebalanceTimeout   = 10 * time.Second
	transactionTimeout = 12 * time.Second
	commitTimeout      = 20 * time.Second
	redisTimeout       = time.Second
)

// world is the servers, the workers and the network between them.
type world struct {
	t         *testing.T
	scenario  *Scenario
	began     time.Time
	log       *record
	schema    *event.Schema
	engine    *engine.Engine
	partition func(key []byte, n int32) int32

	network  *kfake.VirtualNetwork
	cluster  *kfake.Cluster
	redis    *miniredis.Miniredis
	client   *kgo.Client // the simulation's own
	producer *kgo.Client // of transactions; nil: none yet
	reader   *reader

	healed time.Time // when the last fault ended

	mu      sync.Mutex
	present map[place]time.Time // since when, at the latest, the broker has a source's record
	workers [slots]*worker
	full    bool                  // Redis takes no writes
	refused map[*server.Peer]bool // connections whose transaction will be
	snaps   []snapshot
	past    []*worker // that were replaced
	pending int       // things that are yet to be done
	calm    bool      // nothing more goes wrong

	wrong    []string
	changes  int
	injected map[Kind]int
	// forgotten counts who was, gone those of whom nothing came after.
	forgotten, gone int
	// archives counts those that stand at the end.
	archives int
}

// record is a log in virtual time.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements zapcore.WriteSyncer.
func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(b)
}

// Sync implements zapcore.WriteSyncer.
func (r *record) Sync() error { return nil }

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

// newWorld starts the servers.
func newWorld(t *testing.T, s *Scenario) *world {
	t.Helper()
	w := &world{t: t, scenario: s, began: time.Now(), log: &record{}, injected: make(map[Kind]int), present: make(map[place]time.Time), refused: make(map[*server.Peer]bool), network: &kfake.VirtualNetwork{}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	w.schema, err = event.LoadSchema()
	must(err)
	set, err := rule.Parse(w.schema, map[string][]byte{"rules.yaml": []byte(rules)})
	must(err)
	w.engine, err = engine.New(set, engine.Options{ArchiveFrom: 2}) // few customers here have many events
	must(err)
	w.partition, err = kafka.Partitioner("murmur2")
	must(err)
	w.cluster, err = kfake.NewCluster(
		kfake.NumBrokers(brokers), kfake.Ports(9091, 9092, 9093), kfake.ListenFn(w.network.Listen),
		kfake.GroupMinSessionTimeout(time.Second), kfake.SeedTopics(s.Partitions, append(slices.Clone(sources), forgets)...),
		kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "500"}),
	)
	must(err)
	w.redis = miniredis.NewMiniRedis()
	first, err := w.redis.Dial() // starts it
	must(err)
	must(first.Close())
	w.redis.Server().SetPreHook(w.refuseWrites)
	w.client, err = kgo.NewClient(w.own()...)
	must(err)
	return w
}

// own are the options of the simulation's own clients, whose network knows no faults.
func (w *world) own(more ...kgo.Opt) []kgo.Opt {
	return append([]kgo.Opt{
		kgo.SeedBrokers(w.cluster.ListenAddrs()...), kgo.Dialer(w.network.DialContext), kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
			return func(r *kgo.Record, n int) int { return int(w.partition(r.Key, int32(n))) }
		})),
	}, more...)
}

// close ends everything that may still run.
func (w *world) close() {
	for _, wk := range append(w.past, w.workers[:]...) {
		if wk != nil {
			wk.vanish()
			<-wk.done
			wk.kafka.close()
			wk.redis.close()
		}
	}
	w.client.Close()
	if w.producer != nil {
		w.producer.Close()
	}
	if w.reader != nil {
		w.reader.client.Close()
	}
	w.cluster.Close()
	w.redis.Close()
	time.Sleep(5 * time.Second) // clients look up from a pause, and see that they are closed
}

// say notes something in the log.
func (w *world) say(format string, args ...any) {
	fmt.Fprintf(w.log, "%-12v %s\n", w.since(), fmt.Sprintf(format, args...))
}

// since is the time after the start of the load.
func (w *world) since() time.Duration { return time.Since(w.began) - loadStarts }

// logger logs what a worker says.
func (w *world) logger(slot int) *zap.Logger {
	enc := zapcore.NewConsoleEncoder(zapcore.EncoderConfig{
		MessageKey: "m", LevelKey: "l", NameKey: "n", EncodeLevel: zapcore.LowercaseLevelEncoder, TimeKey: "t",
		EncodeTime: func(t time.Time, e zapcore.PrimitiveArrayEncoder) {
			e.AppendString(fmt.Sprintf("%-12v worker %d", t.Sub(w.began)-loadStarts, slot))
		},
		EncodeDuration: zapcore.StringDurationEncoder, ConsoleSeparator: " ",
	})
	return zap.New(zapcore.NewCore(enc, w.log, zapcore.InfoLevel))
}

// delays gives each request of a link a virtual time of its own, that depends on the seed and on how many there were before.
func (w *world) delays(slot int, server string) *delays {
	return &delays{rnd: rand.New(rand.NewPCG(w.scenario.Seed, uint64(slot)<<8|uint64(len(server)^int(server[0]))))}
}

type delays struct {
	mu   sync.Mutex
	rnd  *rand.Rand
	slow time.Duration
}

// next gives the time that a request takes.
func (d *delays) next() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := 50*time.Microsecond + time.Duration(d.rnd.ExpFloat64()*float64(400*time.Microsecond))
	if d.slow > 0 {
		t += time.Duration(d.rnd.Int64N(int64(d.slow)))
	}
	return t
}

func (d *delays) set(slow time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slow = slow
}

// link makes a worker's way to a server.
func (w *world) link(wk *worker, server string) *link {
	d := w.delays(wk.slot, server)
	l := newLink(kafkaRequest, w.network.DialContext)
	if server == toRedis {
		l = newLink(redisRequest, func(context.Context, string, string) (net.Conn, error) { return w.redis.Dial() })
	}
	l.delay, l.slower = d.next, d.set
	l.request = wk.request
	return l
}
