package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

func TestDefaults(t *testing.T) {
	c, err := Parse("ruas.yaml", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c, Default()) {
		t.Errorf("an empty file gives %+v", c)
	}
	empty, err := Parse("ruas.yaml", []byte("kafka:\nsegments:\nsources:\n"), nil)
	if err != nil || !reflect.DeepEqual(empty, Default()) {
		t.Errorf("keys without values give %+v, %v", empty, err)
	}
}

// The example of the contract: every fixed key, with the values it is documented with.
const least = `
kafka:
  brokers: [127.0.0.1:9092]
  group: ruas
redis:
  addresses: [127.0.0.1:6379]
segments: [segments/]
schemas: []
sources:
  purchases: {topic: purchases}
  browsing: {topic: browsing}
  app: {topic: app-events, type: page_view, delay: 2s, fields: {id: event_id, customer_id: user.id, time: ts}}
topics: {changes: segment-changes, state: segment-state, dead_letters: dead-letters}
time_zone: UTC
dedup_window: 24h
max_lateness: 30d
clock: present
first_start: publish
partitioner: murmur2
rules_version: 0
http: {listen: 127.0.0.1:8080}
`

func TestLeastConfiguration(t *testing.T) {
	c, err := Parse("ruas.yaml", []byte(least), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Sources = []Source{
		{Name: "purchases", Topic: "purchases"},
		{Name: "browsing", Topic: "browsing"},
		{
			Name: "app", Topic: "app-events", Type: "page_view", Delay: 2 * time.Second,
			Fields: map[string]string{"id": "event_id", "customer_id": "user.id", "time": "ts"},
		},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

func TestSourcesKeepTheirOrder(t *testing.T) {
	c, err := Parse("", []byte("sources: {zebra: , apple: {optional: true}, mango: {topic: m}}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []Source{{Name: "zebra", Topic: "zebra"}, {Name: "apple", Topic: "apple", Optional: true}, {Name: "mango", Topic: "m"}}
	if !reflect.DeepEqual(c.Sources, want) {
		t.Errorf("got %+v", c.Sources)
	}
}

func TestEveryKeyIsAnEnvironmentVariable(t *testing.T) {
	environ := []string{"HOME=/root", "RUAS_TEST_KAFKA_IMAGE=x", "RUAS_SERVICE_HOST=10.0.0.1", "RUAS_PORT_8080_TCP_ADDR=10.0.0.1", "RUAS_PORT=tcp://10.0.0.1:80"}
	given := map[string]string{
		"kafka.brokers":      " a:1, b:2,",
		"kafka.sasl.token":   "",
		"redis.addresses":    "r:1",
		"segments":           "x,y",
		"schemas":            "z",
		"sources":            "{app: {type: page_view}, shop: {topic: s}}",
		"time_zone":          "Asia/Jakarta",
		"http.listen":        "127.0.0.1:1",
		"admin.listen":       "127.0.0.1:2",
		"http.tokens":        "[{name: shop, sha256: " + strings.Repeat("0f", 32) + ", scopes: [read, forget]}]",
		"http.cors":          "https://shop.example",
		"redis.prefix":       "p:",
		"topics.state":       "s1",
		"topics.changes":     "s2",
		"topics.memberships": "s3",
		"topics.forget":      "s4",
		"tracing.endpoint":   "http://127.0.0.1:4318",
		"tracing.sample":     "0.5",
	}
	walk(Default(), func(k *key) {
		text, ok := given[k.name]
		switch {
		case ok:
		case k.value.Type() == reflect.TypeFor[time.Duration]():
			text = "90s"
		case k.value.Kind() == reflect.Bool:
			text = "true"
		case k.value.CanInt():
			text = "70000"
			if k.name == "kafka.replication" || k.name == "redis.db" {
				text = "0"
			}
		case choices(k.field) != nil:
			list := choices(k.field)
			text = list[len(list)-1]
		default:
			text = "text"
		}
		switch k.name {
		case "kafka.replication":
			text = "3"
		case "kafka.sasl.mechanism":
			text = "OAUTHBEARER"
		case "kafka.sasl.user", "kafka.sasl.password":
			text = ""
		}
		environ = append(environ, k.env()+"="+text)
	})
	c, err := Parse("", []byte("kafka: {brokers: [file:1]}\ntime_zone: UTC"), environ)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c.Kafka.Brokers, []string{"a:1", "b:2"}) || c.TimeZone != "Asia/Jakarta" || c.Kafka.TransactionTimeout != 90*time.Second {
		t.Errorf("the environment does not win: %+v", c)
	}
	if want := []Source{{Name: "app", Topic: "app", Type: "page_view"}, {Name: "shop", Topic: "s"}}; !reflect.DeepEqual(c.Sources, want) {
		t.Errorf("sources: got %+v", c.Sources)
	}
	if want := []Token{{Name: "shop", SHA256: strings.Repeat("0f", 32), Scopes: []string{"read", "forget"}}}; !reflect.DeepEqual(c.HTTP.Tokens, want) || c.HTTP.Tokens[0].Hash()[31] != 15 {
		t.Errorf("tokens: got %+v", c.HTTP.Tokens)
	}
	unchanged := []string{}
	before := map[string]any{}
	walk(Default(), func(k *key) { before[k.name] = k.value.Interface() })
	walk(c, func(k *key) {
		if reflect.DeepEqual(before[k.name], k.value.Interface()) {
			unchanged = append(unchanged, k.name)
		}
	})
	want := []string{"redis.db", "kafka.sasl.user", "kafka.sasl.password", "kafka.sasl.token"} // those that were given their defaults
	if len(unchanged) != len(want) {
		t.Errorf("no variable changed %v", unchanged)
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ name, file, env, want string }{
		{"unknown key", "kafka:\n  group: x\n  brokres: [a:1]\n", "", `ruas.yaml:3: kafka.brokres: unknown key; did you mean "brokers"?`},
		{"unknown key at the top", "elephants: 3\n", "", `ruas.yaml:1: elephants: unknown key`},
		{"unknown key of a source", "sources:\n  app:\n    topc: x\n", "", `ruas.yaml:3: sources.app.topc: unknown key; did you mean "topic"?`},
		{"unknown variable", "", "RUAS_KAFKA_BROKER=a:1", `RUAS_KAFKA_BROKER: no such key; did you mean "RUAS_KAFKA_BROKERS"?`},
		{"twice", "clock: present\nclock: records\n", "", `ruas.yaml:2: clock: given twice, first in line 1`},
		{"not a choice", "clock: record\n", "", `ruas.yaml:1: clock: "record" is not one of present, records; did you mean "records"?`},
		{"not a choice of SASL", "kafka: {sasl: {mechanism: GSSAPI}}", "", `ruas.yaml:1: kafka.sasl.mechanism: "GSSAPI" is not one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER`},
		{"duration", "dedup_window: 1 day\n", "", `ruas.yaml:1: dedup_window: "1 day" is not a duration: write a number and ms, s, m, h, d or w, as "500ms", "24h" or "30d"`},
		{"long duration", "max_lateness: 99999w\n", "", `ruas.yaml:1: max_lateness: "99999w" is too long a duration: at most 292 years`},
		{"negative duration", "max_lateness: -1d\n", "", `ruas.yaml:1: max_lateness: "-1d" is not a duration: write a number and ms, s, m, h, d or w, as "500ms", "24h" or "30d"`},
		{"number", "rules_version: two\n", "", `ruas.yaml:1: rules_version: "two" is not a whole number`},
		{"number in the environment", "", "RUAS_RULES_VERSION=1.5", `RUAS_RULES_VERSION: "1.5" is not a whole number`},
		{"bool", "redis: {cluster: yes}\n", "", `ruas.yaml:1: redis.cluster: "yes" is neither true nor false`},
		{"list for a value", "time_zone: [UTC]\n", "", `ruas.yaml:1: time_zone: want one value`},
		{"value for a mapping", "kafka: localhost:9092\n", "", `ruas.yaml:1: kafka: want keys with values, as in "key: value"`},
		{"no YAML", "kafka: [\n", "", `ruas.yaml:1: not YAML: did not find expected node content`},
		{"no YAML in the environment", "", "RUAS_SOURCES={a", `RUAS_SOURCES:1: not YAML: did not find expected ',' or '}'`},
		{"two documents", "clock: present\n---\nclock: records\n", "", `ruas.yaml:1: more than one YAML document in the file`},
		{"address", "redis: {addresses: [localhost]}\n", "", `ruas.yaml:1: redis.addresses: "localhost" is no address: want host:port`},
		{"address from the environment", "", "RUAS_REDIS_ADDRESSES=localhost:x", `RUAS_REDIS_ADDRESSES: redis.addresses: "localhost:x" is no address: want host:port`},
		{"zone", "time_zone: Asia/Jakatra\n", "", `ruas.yaml:1: time_zone: "Asia/Jakatra" is no zone of the IANA database, as "UTC" or "Asia/Jakarta"`},
		{"the machine's zone", "time_zone: Local\n", "", `ruas.yaml:1: time_zone: "Local" is no zone of the IANA database, as "UTC" or "Asia/Jakarta"`},
		{"topic in two roles", "topics:\n  state: purchases\n", "", `sources.purchases: topic "purchases" is also that of topics.state`},
		{"bad topic", "sources:\n  app: {topic: a/b}\n", "", `ruas.yaml:2: sources.app: "a/b" is no name for a topic: letters, digits, dot, dash and underscore, at most 249`},
		{"password without TLS settings", "redis:\n  username: u\n", "", `ruas.yaml:2: redis.username: needs redis.password too`},
		{"TLS not enabled", "kafka:\n  tls: {ca: ca.pem}\n", "", `ruas.yaml:2: kafka.tls: has settings, but kafka.tls.enabled is not true`},
		{"half a certificate", "kafka:\n  tls: {enabled: true, cert: c.pem}\n", "", `ruas.yaml:2: kafka.tls: cert and key go together: give both or neither`},
		{"SCRAM without password", "kafka:\n  sasl: {mechanism: SCRAM-SHA-512, user: u}\n", "", `ruas.yaml:2: kafka.sasl: SCRAM-SHA-512 needs user and password`},
		{"no mechanism", "kafka:\n  sasl: {user: u, password: p}\n", "", `ruas.yaml:2: kafka.sasl: has settings, but no mechanism`},
		{"two tokens", "kafka:\n  sasl: {mechanism: OAUTHBEARER, token: a, token_file: b}\n", "", `ruas.yaml:2: kafka.sasl: OAUTHBEARER needs token or token_file, and not both`},
		{"database of a Cluster", "redis: {cluster: true, db: 1}\n", "", `ruas.yaml:1: redis.db: a Cluster has only database 0`},
		{"one address for two", "http: {listen: \"127.0.0.1:8081\"}\n", "", `admin.listen: is the same address as http.listen`},
		{"all at once", "clok: present\nkafka:\n  group: \"\"\n  partitions: x\n", "RUAS_CLOCK=now", "ruas.yaml:1: clok: unknown key; did you mean \"clock\"?\nruas.yaml:4: kafka.partitions: \"x\" is not a whole number\nRUAS_CLOCK: \"now\" is not one of present, records"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var environ []string
			if c.env != "" {
				environ = []string{c.env}
			}
			_, err := Parse("ruas.yaml", []byte(c.file), environ)
			if err == nil {
				t.Fatal("was accepted")
			}
			if err.Error() != c.want {
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
			if list := (Errors)(nil); !errors.As(err, &list) {
				t.Errorf("is a %T", err)
			}
		})
	}
}

func TestPathsAreRelativeToTheFile(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "ruas.yaml")
	text := "segments: [rules, /etc/ruas]\nkafka:\n  tls: {enabled: true, ca: tls/ca.pem}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file, []string{"RUAS_SCHEMAS=mine"})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.Segments[0], c.Segments[1], c.Kafka.TLS.CA, c.Schemas[0], c.Kafka.TLS.Key}
	want := []string{filepath.Join(folder, "rules"), "/etc/ruas", filepath.Join(folder, "tls/ca.pem"), filepath.Join(folder, "mine"), ""}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if _, err := Load(filepath.Join(folder, "no.yaml"), nil); err == nil || !strings.Contains(err.Error(), "there is no configuration file") {
		t.Errorf("a file that is not there gives %v", err)
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	c, err := Parse("", []byte("kafka: {sasl: {mechanism: PLAIN, user: u, password: hunter2}}\nredis: {password: hunter2}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Redis.Password.Reveal() != "hunter2" {
		t.Fatal("the secret is lost")
	}
	inJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	inYAML, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	printed := fmt.Sprintf("%v %+v %#v %s %q %x %s %s", c, c, c, c.Redis.Password, c.Redis.Password, c.Redis.Password, inJSON, inYAML)
	if strings.Contains(printed, "hunter2") || strings.Contains(printed, fmt.Sprintf("%x", "hunter2")) {
		t.Errorf("a secret is in %s", printed)
	}
	if _, err := Parse("", []byte("redis: {password: [hunter2]}"), nil); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a secret is in the message: %v", err)
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"500ms": 500 * time.Millisecond, "2s": 2 * time.Second, "30m": 30 * time.Minute, "24h": 24 * time.Hour,
		"30d": 720 * time.Hour, "2w": 336 * time.Hour, "0": 0, "0s": 0,
	} {
		got, err := parseDuration(text)
		if err != nil || got != want {
			t.Errorf("parseDuration(%q) = %v, %v", text, got, err)
		}
		if again, err := parseDuration(formatDuration(got)); err != nil || again != want {
			t.Errorf("%v is written as %q, which reads as %v, %v", want, formatDuration(got), again, err)
		}
	}
	for _, text := range []string{"", "s", "1", "1.5h", "-1s", "1h30m", "1 s", "1y", "+1s"} {
		if d, err := parseDuration(text); err == nil {
			t.Errorf("parseDuration(%q) = %v", text, d)
		}
	}
}
