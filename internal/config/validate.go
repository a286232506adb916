package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ruas/ruas/internal/iana"
	"github.com/ruas/ruas/internal/suggest"
)

var (
	topicName  = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)
	sourceName = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	hash       = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)
	scopes     = []string{"read", "write", "forget"}
)

// validate refuses what each value alone cannot tell.
func (d *decoder) validate(c *Config) {
	check := func(ok bool, key, text string) {
		if !ok {
			d.invalid(key, "%s", text)
		}
	}
	d.addresses("kafka.brokers", c.Kafka.Brokers)
	check(c.Kafka.Group != "", "kafka.group", "must not be empty")
	check(c.Kafka.Replication == -1 || c.Kafka.Replication > 0 && c.Kafka.Replication < 1<<15, "kafka.replication", "want a number from 1, or -1 for the broker's default")
	check(c.Kafka.Partitions >= 0 && c.Kafka.Partitions < 1<<31, "kafka.partitions", "want a number from 1, or 0 for as many as the sources have")
	check(c.Kafka.SessionTimeout >= 500*time.Millisecond, "kafka.session_timeout", "must be at least 500ms")
	check(c.Kafka.TransactionTimeout >= time.Second && c.Kafka.TransactionTimeout <= 15*time.Minute, "kafka.transaction_timeout", "must be from 1s to 15m")
	d.tls("kafka.tls", &c.Kafka.TLS)
	d.sasl(&c.Kafka.SASL)

	d.addresses("redis.addresses", c.Redis.Addresses)
	check(c.Redis.DB >= 0, "redis.db", "must not be negative")
	check(c.Redis.DB == 0 || !c.Redis.IsCluster(), "redis.db", "a Cluster has only database 0")
	check(c.Redis.Username == "" || c.Redis.Password != "", "redis.username", "needs redis.password too")
	check(!strings.ContainsAny(c.Redis.Prefix, "{}"), "redis.prefix", "must not hold braces: they would choose the Cluster's node")
	check(c.Redis.Timeout >= 10*time.Millisecond, "redis.timeout", "must be at least 10ms")
	d.tls("redis.tls", &c.Redis.TLS)

	check(len(c.Segments) > 0, "segments", "want at least one file or folder")
	d.topics(c)
	d.zone(c.TimeZone)
	check(c.DedupWindow >= time.Millisecond, "dedup_window", "must be at least 1ms")
	check(c.MaxLateness >= time.Millisecond, "max_lateness", "must be at least 1ms")
	check(c.SeriesBound >= 16, "series_bound", "must be at least 16")
	check(c.MaxClockSkew >= 10*time.Millisecond, "max_clock_skew", "must be at least 10ms")
	check(c.RulesVersion >= 0, "rules_version", "must not be negative")
	check(c.Batch.Records > 0, "batch.records", "must be at least 1")
	check(c.Batch.Bytes >= 1<<16, "batch.bytes", "must be at least 65536")
	check(c.ReadAhead > 0, "read_ahead", "must be at least 1")
	check(c.Cache.Customers >= 0, "cache.customers", "must not be negative")
	d.listen("http.listen", c.HTTP.Listen)
	d.listen("admin.listen", c.Admin.Listen)
	d.http(&c.HTTP)
	check(c.Tracing.Sample >= 0 && c.Tracing.Sample <= 1, "tracing.sample", "want a share from 0 to 1")
	if u, err := url.Parse(c.Tracing.Endpoint); c.Tracing.Endpoint != "" {
		check(err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https"), "tracing.endpoint", "want a URL, as \"http://127.0.0.1:4318\"")
	}
	check(c.HTTP.Listen == "" || c.HTTP.Listen != c.Admin.Listen || strings.HasSuffix(c.HTTP.Listen, ":0"), "admin.listen", "is the same address as http.listen")
}

// invalid reports a value at the place that gave it, or that gave what it is part of.
func (d *decoder) invalid(key, format string, args ...any) {
	at := d.places[key]
	for k := key; at == (place{}); at = d.places[k] {
		dot := strings.LastIndexByte(k, '.')
		if dot < 0 {
			break
		}
		k = k[:dot]
	}
	d.errs = append(d.errs, &Error{Origin: at.origin, Line: at.line, Key: key, Text: fmt.Sprintf(format, args...)})
}

func (d *decoder) addresses(key string, list []string) {
	if len(list) == 0 {
		d.invalid(key, "want at least one address, as host:port")
	}
	for _, a := range list {
		host, port, err := net.SplitHostPort(a)
		if err != nil || host == "" || !isPort(port) || port == "0" {
			d.invalid(key, "%q is no address: want host:port", a)
		}
	}
}

func (d *decoder) listen(key, address string) {
	if address == "" {
		return
	}
	if _, port, err := net.SplitHostPort(address); err != nil || !isPort(port) {
		d.invalid(key, "%q is no address to listen on: want host:port, or :port for all of the machine's addresses", address)
	}
}

func (d *decoder) http(h *HTTP) {
	names := map[string]bool{}
	for i, t := range h.Tokens {
		key := fmt.Sprintf("http.tokens.%d", i)
		switch {
		case !sourceName.MatchString(t.Name):
			d.invalid(key, "%q is no name for a token: letters, digits, dash and underscore", t.Name)
		case names[t.Name]:
			d.invalid(key, "there are two tokens named %s", t.Name)
		case !hash.MatchString(t.SHA256):
			d.invalid(key, "sha256 is no hash: want 64 hexadecimal digits, as `ruas token` prints them")
		case len(t.Scopes) == 0:
			d.invalid(key, "has no scopes: read, write, forget")
		}
		names[t.Name] = true
		for _, s := range t.Scopes {
			if !slices.Contains(scopes, s) {
				d.invalid(key, "%q is not one of %s%s", s, strings.Join(scopes, ", "), suggest.Hint(s, scopes))
			}
		}
	}
	for _, origin := range h.CORS {
		if u, err := url.Parse(origin); err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host {
			d.invalid("http.cors", "%q is no origin, as \"https://shop.example\"", origin)
		}
	}
	if (h.TLS.Cert == "") != (h.TLS.Key == "") {
		d.invalid("http.tls", "cert and key go together: give both or neither")
	}
	if h.Rate < 0 {
		d.invalid("http.rate", "must not be negative")
	}
}

// Exposed tells whether others than this machine may ask, and nothing asks who they are.
func (h *HTTP) Exposed() bool {
	if len(h.Tokens) > 0 || h.Unauthenticated || h.Listen == "" {
		return false
	}
	host, _, err := net.SplitHostPort(h.Listen)
	return err == nil && host != "localhost" && !net.ParseIP(host).IsLoopback()
}

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

func (d *decoder) tls(key string, t *TLS) {
	if !t.Enabled && (t.CA != "" || t.Cert != "" || t.Key != "" || t.ServerName != "") {
		d.invalid(key, "has settings, but %s.enabled is not true", key)
	}
	if (t.Cert == "") != (t.Key == "") {
		d.invalid(key, "cert and key go together: give both or neither")
	}
}

func (d *decoder) sasl(s *SASL) {
	const key = "kafka.sasl"
	token, user := s.Token != "" || s.TokenFile != "", s.User != "" || s.Password != ""
	switch s.Mechanism {
	case "":
		if token || user {
			d.invalid(key, "has settings, but no mechanism")
		}
	case OAuthBearer:
		if (s.Token != "") == (s.TokenFile != "") {
			d.invalid(key, "OAUTHBEARER needs token or token_file, and not both")
		}
		if user {
			d.invalid(key, "OAUTHBEARER takes no user and no password")
		}
	case Plain, ScramSHA256, ScramSHA512:
		if s.User == "" || s.Password == "" {
			d.invalid(key, "%s needs user and password", s.Mechanism)
		}
		if token {
			d.invalid(key, "%s takes no token", s.Mechanism)
		}
	}
}

// topics refuses names that Kafka would, and a topic in two roles: ruas would read what it writes.
func (d *decoder) topics(c *Config) {
	role := map[string]string{}
	claim := func(key, topic string) {
		if !topicName.MatchString(topic) || topic == "." || topic == ".." {
			d.invalid(key, "%q is no name for a topic: letters, digits, dot, dash and underscore, at most 249", topic)
			return
		}
		if other, taken := role[topic]; taken {
			d.invalid(key, "topic %q is also that of %s", topic, other)
			return
		}
		role[topic] = key
	}
	claim("topics.changes", c.Topics.Changes)
	claim("topics.state", c.Topics.State)
	claim("topics.dead_letters", c.Topics.DeadLetters)
	if c.Topics.Memberships != "" {
		claim("topics.memberships", c.Topics.Memberships)
	}
	if c.Topics.Forget != "" {
		claim("topics.forget", c.Topics.Forget)
	}
	if len(c.Sources) == 0 {
		d.invalid("sources", "want at least one source")
	}
	for _, s := range c.Sources {
		key := "sources." + s.Name
		if !sourceName.MatchString(s.Name) {
			d.invalid(key, "%q is no name for a source: letters, digits, dash and underscore", s.Name)
		}
		claim(key, s.Topic)
		if s.Delay > 24*time.Hour {
			d.invalid(key+".delay", "must be at most 24h")
		}
	}
}

func (d *decoder) zone(name string) {
	if !iana.IsZone(name) {
		d.invalid("time_zone", "%q is no zone of the IANA database, as \"UTC\" or \"Asia/Jakarta\"", name)
	}
}

// IsCluster tells whether the addresses are those of a Redis Cluster.
func (r *Redis) IsCluster() bool { return r.Cluster || len(r.Addresses) > 1 }
