package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kind is what goes wrong.
type Kind string

const (
	// none is a fault that was left out.
	none Kind = ""

	// A worker's machine loses power, at a moment, before it sends a request, or after the request arrived. It starts again after For.
	crash       Kind = "crash"
	crashBefore Kind = "crash before"
	crashAfter  Kind = "crash after"
	// A worker is stopped for For, past every time-out or not, and goes on as a zombie.
	pause       Kind = "pause"
	pauseBefore Kind = "pause before"
	// A worker's connections to a server are reset and refused, or go silent, for For. What was sent in silence arrives after it.
	cut           Kind = "cut"
	silence       Kind = "silence"
	silenceBefore Kind = "silence before"
	// A request takes effect, and then nothing is heard of that server for For.
	silenceAfter Kind = "silence after"
	// A worker cannot reach one of the brokers.
	part Kind = "part"
	// A request takes effect, and its answer is lost.
	loseAnswer Kind = "lose answer of"
	// Requests to a server are slow.
	slow Kind = "slow"
	// A worker leaves in an orderly way, and starts again after For; a worker joins.
	stop Kind = "stop"
	join Kind = "join"
	// A member is thrown out of the group, and joins again.
	evict Kind = "evict"
	// A partition's transaction is aborted by the broker: another producer takes its transactional id.
	abort Kind = "abort"
	// Coordinators, or leaders, move to other brokers.
	moveCoordinators Kind = "move coordinators"
	moveLeaders      Kind = "move leaders"
	// Requests of one kind are answered with an error.
	refuse Kind = "refuse"
	// Redis loses everything, or one key; goes back to what it was For ago; takes no writes.
	flushAll Kind = "FLUSHALL"
	loseKey  Kind = "lose a key"
	rollBack Kind = "roll Redis back by"
	full     Kind = "full Redis"
)

// Fault is one thing that goes wrong.
type Fault struct {
	Kind Kind
	// At is when it takes place, or from when requests are counted, after the start of the load.
	At time.Duration
	// Worker is its slot.
	Worker int
	// Server is that of the link.
	Server string
	// Request names a kind of requests, Nth counts them.
	Request string
	Nth     int
	For     time.Duration
	// Key and Err are what a broker is asked and answers; Count, how often.
	Key   kmsg.Key
	Err   *kerr.Error
	Count int
	// Pick chooses among what is there: a key, a member, a partition.
	Pick uint32
}

// String says what goes wrong, when.
func (f Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%8v  ", f.At)
	switch f.Kind {
	case crash, pause, stop:
		fmt.Fprintf(&b, "%s worker %d for %v", f.Kind, f.Worker, f.For)
	case join:
		fmt.Fprintf(&b, "worker %d joins", f.Worker)
	case crashBefore, crashAfter, pauseBefore, silenceBefore, silenceAfter:
		fmt.Fprintf(&b, "worker %d: %s %s number %d, for %v", f.Worker, f.Kind, f.Request, f.Nth, f.For)
	case loseAnswer:
		fmt.Fprintf(&b, "worker %d: %s %s number %d", f.Worker, f.Kind, f.Request, f.Nth)
	case cut, silence, slow:
		fmt.Fprintf(&b, "%s between worker %d and %s for %v", f.Kind, f.Worker, f.Server, f.For)
	case part:
		fmt.Fprintf(&b, "%s worker %d from broker %d for %v", f.Kind, f.Worker, f.Pick%brokers, f.For)
	case refuse:
		fmt.Fprintf(&b, "%s %d times: %s", f.Request, f.Count, f.Err.Message)
	case rollBack, full:
		fmt.Fprintf(&b, "%s %v", f.Kind, f.For)
	default:
		b.WriteString(string(f.Kind))
	}
	return b.String()
}

// Servers.
const (
	toKafka = "Kafka"
	toRedis = "Redis"
)

// effects are the requests between which a worker may crash: polls, loads, the steps of a transaction, writes of the view, the group.
var effects = []struct {
	name  string
	often int // about how many a worker sends in a run
}{
	{"Produce", 40},
	{"Produce", 40},
	{"AddOffsetsToTxn", 40},
	{"TxnOffsetCommit", 40},
	{"TxnOffsetCommit", 40},
	{"EndTxn", 40},
	{"EndTxn", 40},
	{"EndTxn", 40},
	{"Fetch", 100},
	{"ListOffsets", 100},
	{"InitProducerID", 4},
	{"JoinGroup", 3},
	{"SyncGroup", 3},
	{"Heartbeat", 40},
	{"LeaveGroup", 1},
	{"MULTI", 40},
	{"MULTI", 40},
	{"WATCH", 40},
	{"HMGET", 40},
}

// refusals are answers of brokers that are in trouble, by request.
var refusals = []struct {
	key  kmsg.Key
	errs []*kerr.Error
}{
	{kmsg.Produce, []*kerr.Error{kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.RequestTimedOut, kerr.InvalidProducerEpoch}},
	{kmsg.AddOffsetsToTxn, []*kerr.Error{kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.CoordinatorLoadInProgress, kerr.ConcurrentTransactions, kerr.InvalidProducerEpoch}},
	{kmsg.TxnOffsetCommit, []*kerr.Error{kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.CoordinatorLoadInProgress, kerr.RequestTimedOut, kerr.UnknownMemberID}},
	{kmsg.EndTxn, []*kerr.Error{kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.ConcurrentTransactions, kerr.InvalidProducerEpoch}},
	{kmsg.InitProducerID, []*kerr.Error{kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.ConcurrentTransactions}},
	{kmsg.Fetch, []*kerr.Error{kerr.NotLeaderForPartition, kerr.UnknownServerError}},
	{kmsg.ListOffsets, []*kerr.Error{kerr.NotLeaderForPartition, kerr.UnknownServerError}},
	{kmsg.Heartbeat, []*kerr.Error{kerr.NotCoordinator, kerr.UnknownMemberID, kerr.IllegalGeneration}},
}

// newFaults makes a schedule over a load that lasts so long.
func newFaults(rnd *rand.Rand, lasts time.Duration) []Fault {
	kinds := []Kind{
		crash, crashBefore, crashBefore, crashBefore, crashAfter, crashAfter, crashAfter, pause, pauseBefore, pauseBefore, cut, silence,
		silenceBefore, silenceAfter, silenceAfter, part, part, part, loseAnswer, loseAnswer, slow, stop, join, evict, abort, moveCoordinators, moveLeaders, refuse, refuse,
		flushAll, loseKey, rollBack, full,
	}
	between := func(least, most time.Duration) time.Duration {
		return (least + time.Duration(rnd.Int64N(int64(most-least)))).Round(time.Millisecond)
	}
	faults := make([]Fault, 1+rnd.IntN(9))
	for i := range faults {
		f := &faults[i]
		f.Kind = kinds[rnd.IntN(len(kinds))]
		f.At = between(0, lasts)
		f.Worker = rnd.IntN(slots)
		if rnd.IntN(3) > 0 {
			f.Worker = rnd.IntN(2) // those that are likely to be there
		}
		f.Server = []string{toKafka, toRedis}[rnd.IntN(2)]
		e := effects[rnd.IntN(len(effects))]
		f.Request, f.Nth = e.name, 1+rnd.IntN(max(1, e.often/4))
		// Below the session time-out, between it and the transaction's, beyond both.
		f.For = []time.Duration{between(50*time.Millisecond, 4*time.Second), between(5*time.Second, 12*time.Second), between(12*time.Second, 40*time.Second)}[rnd.IntN(3)]
		f.Pick = rnd.Uint32()
		if f.Kind == silenceAfter && f.Pick%3 > 0 { // whether it was committed is what nobody knows then
			f.Request, f.Nth = "EndTxn", 1+rnd.IntN(10)
		}
		if f.Kind == refuse {
			r := refusals[rnd.IntN(len(refusals))]
			f.Key, f.Request, f.Err, f.Count = r.key, r.key.Name(), r.errs[rnd.IntN(len(r.errs))], 1+rnd.IntN(4)
		}
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return int(a.At - b.At) })
	return faults
}

// forgettingFaults go with requests to forget: a worker ends, freezes or hears nothing any more at one of the first requests to a server
// behind one. One seed after the other takes the effects in turn.
func forgettingFaults(rnd *rand.Rand, s *Scenario) []Fault {
	kinds := []Kind{crashBefore, crashAfter, pauseBefore, silenceAfter, loseAnswer}
	var asked []time.Duration
	for _, ev := range s.Load.Events {
		if ev.Forget {
			asked = append(asked, ev.At)
		}
	}
	faults := make([]Fault, 3)
	for i := range faults {
		n := s.Seed/aboutForgetting + uint64(i)*7
		faults[i] = Fault{
			Kind: kinds[n/uint64(len(effects))%uint64(len(kinds))], Request: effects[n%uint64(len(effects))].name, Nth: 1 + rnd.IntN(3),
			At: asked[rnd.IntN(len(asked))], Worker: rnd.IntN(s.Workers), For: (50*time.Millisecond + time.Duration(rnd.Int64N(int64(15*time.Second)))).Round(time.Millisecond),
		}
	}
	return faults
}
