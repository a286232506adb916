package servers

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

const (
	kafkaImage = "apache/kafka:4.3.1"
	clusterID  = "nRzIhFJ8Tk2qVmbGgkRyAg" // any UUID, in Kafka's base64
)

// Kafka starts one broker without authentication. Topics are not created automatically.
func Kafka(t Owner) *Servers {
	t.Helper()
	return brokers(t, 1, Setup{}, nil)
}

// KafkaCluster starts three brokers, which are controllers too; a topic has three replicas, two of which must be in sync.
func KafkaCluster(t Owner) *Servers {
	t.Helper()
	return KafkaClusterWith(t, Setup{})
}

// Setup is what Kafka may have beside what Kafka and KafkaCluster give it. The zero value: nothing.
type Setup struct {
	// Doors are further listeners, each with an address a broker: the one that clients who come by this door are told to go to. Behind
	// it a proxy is to lead to the same place of Servers.Doors, where the broker listens.
	Doors [][]string
	// DefaultTimings leaves to the broker how soon it notices who is gone, aborts an abandoned transaction, or lets a group begin;
	// else all of that is quick.
	DefaultTimings bool
	// Throughput gives brokers, where they are local processes, what they have at work: both of the JVM's compilers, a heap of 1 GB,
	// and the threads and buffers of Kafka's defaults. A group begins at once.
	Throughput bool
}

// KafkaWith is Kafka, set up otherwise.
func KafkaWith(t Owner, with Setup) *Servers {
	t.Helper()
	return brokers(t, 1, with, nil)
}

// KafkaClusterWith is KafkaCluster, set up otherwise.
func KafkaClusterWith(t Owner, with Setup) *Servers {
	t.Helper()
	return brokers(t, 3, with, nil)
}

// KafkaSecure starts one broker that speaks SASL over TLS only, by PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER (unsigned tokens),
// and whose ACLs allow App nothing.
func KafkaSecure(t Owner) *Servers {
	t.Helper()
	c := newCertificates(t)
	s := brokers(t, 1, Setup{}, &c)
	s.CA, s.Admin, s.App = c.caFile, admin, app
	return s
}

// broker is one node's part of a Kafka cluster.
type broker struct {
	id, port, controller int
	folder               string
	doors                []door
	defaultTimings       bool
	throughput           bool
}

// door is a further listener of a broker, and the address that it gives to clients.
type door struct {
	port int
	told string
}

func brokers(t Owner, n int, with Setup, secure *certificates) *Servers {
	t.Helper()
	docker, err := useDocker()
	if err != nil {
		t.Fatalf("starting Kafka: %v", err)
	}
	var jars *kafkaJars
	if !docker {
		if jars, err = installKafka(t.Context()); err != nil {
			t.Fatalf("installing Kafka: %v", err)
		}
	}
	ports := mustPorts(t, (2+len(with.Doors))*n)
	entrances := make([][]string, len(with.Doors))
	list := make([]broker, n)
	voters := make([]string, n)
	for i := range list {
		list[i] = broker{id: i + 1, port: ports[i], controller: ports[n+i], folder: t.TempDir(), defaultTimings: with.DefaultTimings, throughput: with.Throughput}
		for j, told := range with.Doors {
			port := ports[(2+j)*n+i]
			list[i].doors = append(list[i].doors, door{port, told[i]})
			entrances[j] = append(entrances[j], address(port))
		}
		voters[i] = fmt.Sprintf("%d@%s", i+1, address(ports[n+i]))
	}
	specs := make([]spec, n)
	for i, b := range list {
		conf := b.conf()
		specs[i] = spec{
			name:   fmt.Sprintf("kafka-%d", b.id),
			folder: b.folder,
			files:  map[string][]byte{conf: []byte(b.properties(strings.Join(voters, ","), n))},
			image:  setting("RUAS_TEST_KAFKA_IMAGE", kafkaImage),
		}
		format := []string{"-t", clusterID, "-c", conf}
		if secure != nil {
			specs[i].files[conf] = append(specs[i].files[conf], secured(b.folder)...)
			specs[i].files[filepath.Join(b.folder, "ca.pem")] = secure.ca
			specs[i].files[filepath.Join(b.folder, "server.pem")] = append(append([]byte{}, secure.key...), secure.cert...)
			for _, a := range []Account{admin, app} {
				for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
					format = append(format, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, a.Name, a.Password))
				}
			}
		}
		specs[i].boxed = "export LOG_DIR=" + b.folder + "; " + b.unlessFormatted() +
			"/opt/kafka/bin/kafka-storage.sh format " + quoted(format) + " && exec /opt/kafka/bin/kafka-server-start.sh " + conf
		if jars != nil {
			specs[i].local = jars.broker(b, format)
		}
	}
	nodes := launch(t, specs, ports[:n])
	return &Servers{Addresses: addresses(nodes), Nodes: nodes, Doors: entrances}
}

func (b broker) conf() string { return filepath.Join(b.folder, "server.properties") }
func (b broker) data() string { return filepath.Join(b.folder, "data") }

// unlessFormatted begins a shell's command that must run only before the first start.
func (b broker) unlessFormatted() string { return "test -e " + b.data() + "/meta.properties || " }

// properties configures a node that is broker and controller, for tests: small.
func (b broker) properties(voters string, nodes int) string {
	inSync := max(1, nodes-1)
	listeners := fmt.Sprintf("CLIENT://127.0.0.1:%d", b.port)
	advertised, protocols := listeners, "CLIENT:PLAINTEXT"
	for i, d := range b.doors {
		listeners += fmt.Sprintf(",DOOR%d://127.0.0.1:%d", i, d.port)
		advertised += fmt.Sprintf(",DOOR%d://%s", i, d.told)
		protocols += fmt.Sprintf(",DOOR%d:PLAINTEXT", i)
	}
	timings := quickTimings
	if b.defaultTimings {
		timings = ""
	}
	size := smallSize
	if b.throughput {
		size = "group.initial.rebalance.delay.ms=0\n"
	}
	return fmt.Sprintf(`process.roles=broker,controller
node.id=%d
controller.quorum.voters=%s
listeners=%s,CONTROLLER://127.0.0.1:%d
advertised.listeners=%s
listener.security.protocol.map=%s,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENT
log.dirs=%s
auto.create.topics.enable=false
default.replication.factor=%d
min.insync.replicas=%d
offsets.topic.replication.factor=%d
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=%d
transaction.state.log.min.isr=%d
transaction.state.log.num.partitions=3
share.coordinator.state.topic.replication.factor=%d
share.coordinator.state.topic.min.isr=%d
share.coordinator.state.topic.num.partitions=1
%s%s`, b.id, voters, listeners, b.controller, advertised, protocols, b.data(),
		nodes, inSync, nodes, nodes, inSync, nodes, inSync, size, timings)
}

// smallSize keeps a broker small.
const smallSize = `# The default buffer alone is 128 MB of heap.
log.cleaner.dedupe.buffer.size=4194304
num.network.threads=2
num.io.threads=2
background.threads=2
num.recovery.threads.per.data.dir=1
log.cleaner.backoff.ms=500
`

// quickTimings make a broker quick to notice who is gone.
const quickTimings = `group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
group.consumer.min.heartbeat.interval.ms=100
group.consumer.heartbeat.interval.ms=200
group.consumer.min.session.timeout.ms=500
group.consumer.session.timeout.ms=3000
broker.heartbeat.interval.ms=300
broker.session.timeout.ms=4000
replica.lag.time.max.ms=6000
transaction.abort.timed.out.transaction.cleanup.interval.ms=500
`

// secured is what SASL over TLS and ACLs add. The later of two values of a key counts.
func secured(folder string) string {
	const module = "org.apache.kafka.common.security."
	var b strings.Builder
	fmt.Fprintf(&b, `listener.security.protocol.map=CLIENT:SASL_SSL,CONTROLLER:PLAINTEXT
ssl.keystore.type=PEM
ssl.keystore.location=%s/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=%s/ca.pem
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
# ANONYMOUS is the node itself, on its controller's listener.
super.users=User:%s;User:ANONYMOUS
allow.everyone.if.no.acl.found=false
listener.name.client.plain.sasl.jaas.config=%splain.PlainLoginModule required username="%s" password="%s" user_%s="%s" user_%s="%s";
listener.name.client.oauthbearer.sasl.jaas.config=%soauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="%s";
`, folder, folder, admin.Name, module, admin.Name, admin.Password, admin.Name, admin.Password, app.Name, app.Password, module, admin.Name)
	for _, mechanism := range []string{"scram-sha-256", "scram-sha-512"} {
		fmt.Fprintf(&b, "listener.name.client.%s.sasl.jaas.config=%sscram.ScramLoginModule required username=\"%s\" password=\"%s\";\n",
			mechanism, module, admin.Name, admin.Password)
	}
	return b.String()
}

// quoted joins arguments for a shell.
func quoted(args []string) string {
	return "'" + strings.Join(args, "' '") + "'"
}

// UnsignedToken is a token for OAUTHBEARER by which KafkaSecure takes a client for the user of that name, for an hour.
func UnsignedToken(user string) string {
	part := func(format string, args ...any) string {
		return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, format, args...))
	}
	now := time.Now()
	return part(`{"alg":"none"}`) + "." + part(`{"sub":%q,"iat":%d,"exp":%d}`, user, now.Unix(), now.Add(time.Hour).Unix()) + "."
}
