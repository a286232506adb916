// Package kafka is Kafka behind the interfaces of pipeline: the topics, the group that shares out partition numbers, and for each
// partition number a fenced session that reads the sources and commits transactions. It owns every use of franz-go and knows neither
// rules, events nor Redis.
package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/pipeline"
)

// Options says how the cluster is reached. The zero value of a field is its default.
type Options struct {
	Brokers  []string
	Group    string // the consumer group, and the prefix of transactional ids
	ClientID string
	// Replication of topics that are created; 0 and -1: the broker's default.
	Replication int16
	// Partitions of the changes and dead-letters topics that are created; 0: as many as the sources have.
	Partitions int32
	// SessionTimeout (10 s) is after how long a silent worker's partitions go to another one. Heartbeats are sent ten times as often.
	SessionTimeout time.Duration
	// RebalanceTimeout (30 s) is how long a worker may take to give its partitions up.
	RebalanceTimeout time.Duration
	// TransactionTimeout (30 s) is after how long the broker aborts a transaction that nobody ends.
	TransactionTimeout time.Duration
	// CommitTimeout (60 s) is how long a commit is tried before the session is given up and opened anew.
	CommitTimeout time.Duration
	// Patience (10 s) is for how long a cluster that does not answer is asked again at the start.
	Patience time.Duration
	// TLS encrypts connections; nil: plain ones.
	TLS  *tls.Config
	SASL SASL
	// Dialer replaces the network, for tests; nil: the network.
	Dialer func(ctx context.Context, network, host string) (net.Conn, error)
	Logger *zap.Logger
}

// Kafka is a cluster. It implements pipeline.Log.
type Kafka struct {
	opt       Options
	consumers consumers
}

// New checks the options; it does not connect.
func New(opt Options) (*Kafka, error) {
	if len(opt.Brokers) == 0 {
		return nil, errors.New("kafka: no brokers")
	}
	if opt.Group == "" {
		return nil, errors.New("kafka: no group")
	}
	if _, err := opt.SASL.mechanism(); err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	if opt.ClientID == "" {
		opt.ClientID = "ruas"
	}
	if opt.Replication == 0 {
		opt.Replication = -1
	}
	for _, d := range []struct {
		of *time.Duration
		is time.Duration
	}{
		{&opt.SessionTimeout, 10 * time.Second},
		{&opt.RebalanceTimeout, 30 * time.Second},
		{&opt.TransactionTimeout, 30 * time.Second},
		{&opt.CommitTimeout, time.Minute},
		{&opt.Patience, 10 * time.Second},
	} {
		if *d.of <= 0 {
			*d.of = d.is
		}
	}
	if opt.Logger == nil {
		opt.Logger = zap.NewNop()
	}
	return &Kafka{opt: opt}, nil
}

// client makes a client with what all of ruas's clients have in common.
func (k *Kafka) client(more ...kgo.Opt) (*kgo.Client, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(k.opt.Brokers...),
		kgo.ClientID(k.opt.ClientID),
		// Straight after a commit the broker may answer CONCURRENT_TRANSACTIONS; the client then waits for a metadata update, of which
		// there is at most one in this time.
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.MetadataMaxAge(time.Minute),
		kgo.RetryTimeout(k.opt.CommitTimeout),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.WithLogger(newLogger(k.opt.Logger)),
	}
	mechanism, err := k.opt.SASL.mechanism()
	if err != nil {
		return nil, err
	}
	if mechanism != nil {
		opts = append(opts, kgo.SASL(mechanism))
	}
	switch {
	case k.opt.Dialer != nil:
		opts = append(opts, kgo.Dialer(k.opt.Dialer))
	case k.opt.TLS != nil:
		opts = append(opts, kgo.DialTLSConfig(k.opt.TLS.Clone()))
	}
	cl, err := kgo.NewClient(append(opts, more...)...)
	if err != nil {
		return nil, fmt.Errorf("making a Kafka client: %w", err)
	}
	return cl, nil
}

// fenced tells the errors that say: another worker, or nobody yet, has the partition.
func fenced(err error) bool {
	for _, e := range []error{
		kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.FencedInstanceID,
		kerr.FencedMemberEpoch, kerr.StaleMemberEpoch, kerr.RebalanceInProgress,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// explain says of an error what there is to do about it, where that is known. A mistake in the set-up becomes a *pipeline.Refusal.
func (k *Kafka) explain(doing string, err error, to access) error {
	if err == nil {
		return nil
	}
	if what := k.denied(err, to); what != "" {
		return k.refuse(doing, what)
	}
	switch {
	case errors.Is(err, pipeline.ErrFenced):
		return fmt.Errorf("%s: %w", doing, err)
	case to.id != "" && (errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch)):
		return fmt.Errorf("%s: %w", doing, &pipeline.Taken{ID: to.id, Err: err})
	case fenced(err):
		return fmt.Errorf("%s: %w (%w)", doing, pipeline.ErrFenced, err)
	case errors.Is(err, kerr.SaslAuthenticationFailed), errors.Is(err, kerr.UnsupportedSaslMechanism), errors.Is(err, kerr.IllegalSaslState):
		return &pipeline.Refusal{Unreachable: true, Reason: fmt.Sprintf("%s: Kafka does not accept the user or the password "+
			"(kafka.sasl; user %q): %v", doing, k.opt.SASL.User, err)}
	case errors.Is(err, kerr.InvalidSessionTimeout):
		return &pipeline.Refusal{Unreachable: true, Reason: fmt.Sprintf("%s: the broker does not allow a kafka.session_timeout of %v: %v", doing, k.opt.SessionTimeout, err)}
	case errors.Is(err, kerr.InvalidTransactionTimeout):
		return &pipeline.Refusal{Unreachable: true, Reason: fmt.Sprintf("%s: the broker does not allow a kafka.transaction_timeout of %v: %v", doing, k.opt.TransactionTimeout, err)}
	}
	return fmt.Errorf("%s: %w", doing, err)
}
