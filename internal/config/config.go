// Package config owns the configuration of ruas: its keys, their defaults, how a file and the environment give them values, and
// what values are allowed. It knows nothing of what the values are used for.
//
// docs/configuration.md is generated from the comments and tags of this file: go generate ./internal/config.
package config

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"time"
)

//go:generate go test -run TestDocumentation -update .

// Config is the whole configuration. Default gives the value of every key that is not given.
//
// Tags: yaml names the key, values lists what may be chosen, path marks files and folders that are relative to the configuration
// file's folder.
type Config struct {
	// The Kafka cluster.
	Kafka Kafka `yaml:"kafka"`
	// The Redis that holds the view of the state.
	Redis Redis `yaml:"redis"`
	// Segment files, or folders of them (*.yaml, *.yml).
	Segments []string `yaml:"segments" path:"true"`
	// JSON Schema files, or folders of them, that add event types and profile attributes to the shipped ones.
	Schemas []string `yaml:"schemas" path:"true"`
	// Where events come from, by name; where given, these replace the default list. Their order counts: of events with the same time,
	// those of the source named first are applied first. In the environment the value is this YAML mapping, on one line.
	Sources []Source `yaml:"sources"`
	// The topics that ruas writes. It creates those that are missing.
	Topics Topics `yaml:"topics"`
	// The time zone of calendar functions for customers without one of their own: a name of the IANA database.
	TimeZone string `yaml:"time_zone"`
	// For how long an event's id is remembered: a second event with the same id and type is ignored until the clock has moved on by so
	// much.
	DedupWindow time.Duration `yaml:"dedup_window"`
	// How far behind the clock followed_by and its kin, over lists without a window, still find their partners.
	MaxLateness time.Duration `yaml:"max_lateness"`
	// The most entries a series keeps of one customer. Beyond it answers are approximate, within a documented bound.
	SeriesBound int `yaml:"series_bound"`
	// What moves time. `present`: events and, where all sources are read to their ends, the present. `records`: events alone, for tests,
	// benchmarks and back-tests.
	Clock Clock `yaml:"clock" values:"present,records"`
	// A worker whose own clock is further than this off the broker's says so and does not move time.
	MaxClockSkew time.Duration `yaml:"max_clock_skew"`
	// What the very first start says of the events that it finds. `publish`: every join and leave, from the first event on. `silent`: one
	// join for each member, when a partition's time first reaches the present, and everything from then on; with `clock: records`, which
	// never gets there, when its sources are first read to their ends. A first start that has begun ends as it began.
	FirstStart FirstStart `yaml:"first_start" values:"publish,silent"`
	// The hash by which your producers choose a key's partition. A record elsewhere is a dead letter.
	Partitioner Partitioner `yaml:"partitioner" values:"murmur2,crc32,fnv1a"`
	// The version of your segment files. A worker takes no partition whose state was last written under a higher one, so that during a
	// rolling update an old worker does not undo what a new one has done.
	RulesVersion int64 `yaml:"rules_version"`
	// What happens where offsets that were not read are no longer on the broker. `stop`: the partition stops and says so. `continue`: it
	// goes on with what is there.
	OnDataLoss OnDataLoss `yaml:"on_data_loss" values:"stop,continue"`
	// When a transaction is cut.
	Batch Batch `yaml:"batch"`
	// How many records of each source and partition are read ahead; then that source pauses. It may take the room that others leave.
	ReadAhead int `yaml:"read_ahead"`
	// What a worker keeps in its own memory.
	Cache Cache `yaml:"cache"`
	// The address of the API and the console.
	HTTP HTTP `yaml:"http"`
	// The address for operators.
	Admin Admin `yaml:"admin"`
	// Logs, on standard error.
	Log Log `yaml:"log"`
	// Traces of batches and of requests, by OpenTelemetry.
	Tracing Tracing `yaml:"tracing"`
}

// Kafka says how the Kafka cluster is reached.
type Kafka struct {
	// Brokers to start from, as host:port.
	Brokers []string `yaml:"brokers"`
	// The consumer group, and the prefix of transactional ids. All workers of one ruas share it.
	Group string `yaml:"group"`
	// The name under which the broker's logs and quotas know this worker.
	ClientID string `yaml:"client_id"`
	// The replication factor of topics that ruas creates; -1: the broker's default.
	Replication int `yaml:"replication"`
	// The partitions of the changes and dead-letters topics, where ruas creates them; 0: as many as the sources have. The state topic
	// always has as many as the sources.
	Partitions int `yaml:"partitions"`
	// After how long without a sign of life a worker's partitions go to another one.
	SessionTimeout time.Duration `yaml:"session_timeout"`
	// After how long the broker aborts a transaction that nobody ends.
	TransactionTimeout time.Duration `yaml:"transaction_timeout"`
	// Encryption.
	TLS TLS `yaml:"tls"`
	// Authentication.
	SASL SASL `yaml:"sasl"`
}

// Redis says how Redis is reached.
type Redis struct {
	// Addresses as host:port; several: the nodes of a Cluster to start from.
	Addresses []string `yaml:"addresses"`
	// Whether a single address is that of a Cluster's node.
	Cluster bool `yaml:"cluster"`
	// The ACL user; empty: the default user.
	Username string `yaml:"username"`
	// The password of the user.
	Password Secret `yaml:"password"`
	// The number of the database; a Cluster has only 0.
	DB int `yaml:"db"`
	// What all keys begin with.
	Prefix string `yaml:"prefix"`
	// How long one command may take.
	Timeout time.Duration `yaml:"timeout"`
	// Encryption.
	TLS TLS `yaml:"tls"`
}

// TLS says how a connection is encrypted.
type TLS struct {
	// Whether connections are encrypted.
	Enabled bool `yaml:"enabled"`
	// A PEM file with the authorities to trust; empty: those of the system.
	CA string `yaml:"ca" path:"true"`
	// A PEM file with the client's certificate, where the server asks for one.
	Cert string `yaml:"cert" path:"true"`
	// A PEM file with the key of the client's certificate.
	Key string `yaml:"key" path:"true"`
	// The name that the server's certificate must bear; empty: the host that was dialled.
	ServerName string `yaml:"server_name"`
	// The lowest version of TLS.
	MinVersion TLSVersion `yaml:"min_version" values:"1.2,1.3"`
}

// SASL says who we are to Kafka.
type SASL struct {
	// How to authenticate; empty: not at all.
	Mechanism Mechanism `yaml:"mechanism" values:",PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER"`
	// The user, for PLAIN and SCRAM.
	User string `yaml:"user"`
	// The password, for PLAIN and SCRAM.
	Password Secret `yaml:"password"`
	// The token, for OAUTHBEARER.
	Token Secret `yaml:"token"`
	// A file that holds the token, for OAUTHBEARER. It is read for every new connection, so that a token may be renewed.
	TokenFile string `yaml:"token_file" path:"true"`
}

// Source is one topic of events. Its name is the key in the mapping.
type Source struct {
	Name string `yaml:"-"`
	// The topic; empty: the source's name.
	Topic string `yaml:"topic"`
	// The type of all its events; empty: each record says its own.
	Type string `yaml:"type"`
	// Where a record holds id, customer_id, time, type or a property, where that is not at its own name: a name or a path with dots.
	Fields map[string]string `yaml:"fields"`
	// How late its records may come to be read: where all sources are at their ends, time follows the present less the greatest delay.
	Delay time.Duration `yaml:"delay"`
	// Whether ruas starts although the topic does not exist.
	Optional bool `yaml:"optional"`
}

// Topics names the topics that ruas writes.
type Topics struct {
	// Where joins and leaves are published.
	Changes string `yaml:"changes"`
	// The state of all customers: compacted, and for ruas alone.
	State string `yaml:"state"`
	// Records that are no good, with the reason.
	DeadLetters string `yaml:"dead_letters"`
	// Where each customer's present list of segments is kept: compacted, for services that ask how things stand rather than what changed.
	// Empty: nowhere.
	Memberships string `yaml:"memberships"`
	// Where requests to forget a customer come in, each as {"id":"…","customer_id":"…","requested_at":"…"} under the customer's id. Empty:
	// nobody can be forgotten.
	Forget string `yaml:"forget"`
}

// Batch says when a transaction is cut.
type Batch struct {
	// The most records of input in one transaction.
	Records int `yaml:"records"`
	// The most bytes of output in one transaction.
	Bytes int `yaml:"bytes"`
	// The most time between the beginnings of two transactions of a partition for which events wait for others, where few come: shorter is sooner, and costs more.
	Every time.Duration `yaml:"every"`
}

// Cache bounds what a worker remembers.
type Cache struct {
	// How many customers each partition keeps decoded in memory, so that their states are not read again.
	Customers int `yaml:"customers"`
}

// HTTP is the public address.
type HTTP struct {
	// host:port of the API, the console, /healthz, /readyz and /metrics; empty: none. Without tokens it is to be a loopback address.
	Listen string `yaml:"listen"`
	// Who may ask, by bearer tokens: a list of `{name, sha256, scopes}`, where sha256 is the token's hash in hexadecimal (as `ruas token`
	// prints it), and scopes are among `read`, `write` and `forget`. Without any, everybody who reaches the address may do everything. In
	// the environment the value is this YAML list, on one line.
	Tokens []Token `yaml:"tokens"`
	// Whether ruas may listen on other addresses than loopback without tokens: where the network, or a proxy, keeps others away.
	Unauthenticated bool `yaml:"unauthenticated"`
	// Encryption.
	TLS ServerTLS `yaml:"tls"`
	// Origins of pages elsewhere whose scripts may ask, as `https://shop.example`.
	CORS []string `yaml:"cors"`
	// How many requests a second each token, or without tokens each address, may make; 0: as many as it likes.
	Rate int `yaml:"rate"`
	// The folder in which segment files may be written by the API and the console (scope `write`); empty: none may. Its files are read
	// beside those of `segments`, of which it may be one. What is saved takes force when ruas starts the next time: raise `rules_version`
	// with it where there are several workers, and let them share the folder.
	Rules string `yaml:"rules" path:"true"`
}

// Token is a bearer token, of which only the hash is known.
type Token struct {
	// What logs call it.
	Name string `yaml:"name"`
	// SHA-256 of the token, in hexadecimal.
	SHA256 string `yaml:"sha256"`
	// What it allows: read, write, forget.
	Scopes []string `yaml:"scopes"`
}

// Hash is the SHA-256 of the token.
func (t *Token) Hash() (hash [sha256.Size]byte) {
	_, _ = hex.Decode(hash[:], []byte(t.SHA256)) // validated
	return hash
}

// ServerTLS says how the connections of others are encrypted.
type ServerTLS struct {
	// A PEM file with the server's certificate, and those of its issuers behind it; empty: connections are not encrypted. Both files are
	// read anew when they change.
	Cert string `yaml:"cert" path:"true"`
	// A PEM file with the certificate's key.
	Key string `yaml:"key" path:"true"`
}

// Admin is the address for operators.
type Admin struct {
	// host:port of /debug/pprof, /healthz, /readyz and /metrics, apart from the public address; empty: none.
	Listen string `yaml:"listen"`
}

// Log says what is logged, and how.
type Log struct {
	// The least level that is logged.
	Level string `yaml:"level" values:"debug,info,warn,error"`
	// `console`: for people. `json`: one object a line.
	Format string `yaml:"format" values:"console,json"`
}

// Tracing says what traces are sent where.
type Tracing struct {
	// The URL of an OTLP receiver over HTTP, as `http://127.0.0.1:4318`; empty: nothing is traced. Without a path, `/v1/traces` is meant.
	Endpoint string `yaml:"endpoint"`
	// The share of batches that is sent, and of requests that belong to no trace of the caller's (`traceparent`): from 0 to 1.
	Sample float64 `yaml:"sample"`
}

// Clock is what moves time.
type Clock string

// The values of Clock.
const (
	ClockPresent Clock = "present"
	ClockRecords Clock = "records"
)

// FirstStart is what a first start says of old events.
type FirstStart string

// The values of FirstStart.
const (
	FirstStartPublish FirstStart = "publish"
	FirstStartSilent  FirstStart = "silent"
)

// Partitioner names a hash from a record's key to its partition.
type Partitioner string

// The values of Partitioner.
const (
	Murmur2 Partitioner = "murmur2"
	CRC32   Partitioner = "crc32"
	FNV1a   Partitioner = "fnv1a"
)

// OnDataLoss is what happens where unread offsets are gone.
type OnDataLoss string

// The values of OnDataLoss.
const (
	DataLossStop     OnDataLoss = "stop"
	DataLossContinue OnDataLoss = "continue"
)

// Mechanism is a SASL mechanism; the zero value is none.
type Mechanism string

// The values of Mechanism.
const (
	Plain       Mechanism = "PLAIN"
	ScramSHA256 Mechanism = "SCRAM-SHA-256"
	ScramSHA512 Mechanism = "SCRAM-SHA-512"
	OAuthBearer Mechanism = "OAUTHBEARER"
)

// TLSVersion is a version of TLS.
type TLSVersion string

// The values of TLSVersion.
const (
	TLS12 TLSVersion = "1.2"
	TLS13 TLSVersion = "1.3"
)

func (v TLSVersion) number() uint16 {
	if v == TLS13 {
		return tls.VersionTLS13
	}
	return tls.VersionTLS12
}

// Default is the configuration where nothing is given.
func Default() *Config {
	sources := make([]Source, 0, 5)
	for _, name := range []string{"purchases", "browsing", "devices", "profiles", "campaigns"} {
		sources = append(sources, Source{Name: name, Topic: name})
	}
	return &Config{
		Kafka: Kafka{
			Brokers:            []string{"127.0.0.1:9092"},
			Group:              "ruas",
			ClientID:           "ruas",
			Replication:        -1,
			SessionTimeout:     10 * time.Second,
			TransactionTimeout: 30 * time.Second,
			TLS:                TLS{MinVersion: TLS12},
		},
		Redis: Redis{
			Addresses: []string{"127.0.0.1:6379"},
			Prefix:    "ruas:",
			Timeout:   3 * time.Second,
			TLS:       TLS{MinVersion: TLS12},
		},
		Segments:     []string{"segments/"},
		Schemas:      []string{},
		Sources:      sources,
		Topics:       Topics{Changes: "segment-changes", State: "segment-state", DeadLetters: "dead-letters", Memberships: "segment-memberships", Forget: "ruas-forget"},
		TimeZone:     "UTC",
		DedupWindow:  24 * time.Hour,
		MaxLateness:  30 * 24 * time.Hour,
		SeriesBound:  4096,
		Clock:        ClockPresent,
		MaxClockSkew: 5 * time.Second,
		FirstStart:   FirstStartPublish,
		Partitioner:  Murmur2,
		OnDataLoss:   DataLossStop,
		Batch:        Batch{Records: 80_000, Bytes: 32 << 20, Every: 50 * time.Millisecond},
		ReadAhead:    4_000,
		Cache:        Cache{Customers: 50_000},
		HTTP:         HTTP{Listen: "127.0.0.1:8080", Tokens: []Token{}, CORS: []string{}, Rate: 5000},
		Admin:        Admin{Listen: "127.0.0.1:8081"},
		Log:          Log{Level: "info", Format: "console"},
		Tracing:      Tracing{Sample: 0.01},
	}
}
