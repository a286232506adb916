// Package servers starts real Kafka and Redis servers for tests and the benchmark: as containers where a Docker engine answers, else as local processes.
// It owns how they are installed, configured, started, killed and removed, and must not know what is tested on them.
//
// A server that cannot start fails the test; nothing is skipped. Each call starts servers of the test's own, on free ports of
// 127.0.0.1, and removes them at the test's end: a test with subtests starts them once and gives each subtest its own topics.
//
// Environment:
//
//	RUAS_TEST_BACKEND        docker or local; not set: docker where an engine answers
//	RUAS_TEST_KAFKA_IMAGE    image for docker (apache/kafka:4.3.1)
//	RUAS_TEST_REDIS_IMAGE    image for docker (redis:7-alpine)
//	RUAS_TEST_KAFKA_VERSION  version for local (4.4.0)
//	RUAS_TEST_KAFKA_JAVA     JVM options of brokers, instead of those that make a start quick and memory small
//
// Containers use the host's network, so that both backends run on the very same configuration.
package servers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"time"
)

// Owner is what servers belong to: a test, or a program that measures. They are removed with its clean-ups, and failures are its own.
type Owner interface {
	Helper()
	Context() context.Context
	TempDir() string
	Cleanup(do func())
	Failed() bool
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	// Fatalf does not return.
	Fatalf(format string, args ...any)
}

// Servers are one broker or several, or one Redis or a Cluster.
type Servers struct {
	// Addresses are those for clients, as host:port; one a node.
	Addresses []string
	// Nodes are the servers in the order of Addresses.
	Nodes []*Node
	// Doors are where the brokers listen for those who come by each door of a Setup: by door, and by broker.
	Doors [][]string
	// CA is a PEM file with the authority that signed the servers' certificates; empty: no TLS.
	CA string
	// Admin may do all, App only what its test allows it (Kafka) or touch keys that begin with "ruas:" (Redis). The zero Account: no
	// authentication.
	Admin, App Account
}

// Account is a user of secured servers.
type Account struct{ Name, Password string }

var (
	admin = Account{"admin", "admin-secret"}
	app   = Account{"app", "app-secret"}
)

// startTimeout allows for a machine with far more to do than it can.
const startTimeout = 90 * time.Second

// Node is one server. Its methods fail the test where they do not succeed.
type Node struct {
	// Address is the one for clients, as host:port. It stays the same over Kill and Start.
	Address string
	t       Owner
	runs    server
}

// server is one server, however it runs.
type server interface {
	start() error // on the data that is there
	kill() error  // SIGKILL; returns when it is gone
	stop() error  // SIGTERM; returns when it is gone
	pause() error // connections stay open, answers stop
	resume() error
	alive() bool
	pid() int    // 0: not known
	log() string // the last lines that it wrote
	// data is the folder of what the server keeps, where this process may change it.
	data() (string, error)
	remove() error
}

// spec says what a server is.
type spec struct {
	name string
	// folder is its own, and removed after the test.
	folder string
	files  map[string][]byte // by path, which is the same on the host and in a container
	local  []string          // the command as a local process
	image  string
	boxed  string // the command in a container, for its shell
}

// Kill ends the server at once, as a crash does.
func (n *Node) Kill() { n.must("killing", n.runs.kill()) }

// Stop asks the server to end, and waits until it has.
func (n *Node) Stop() { n.must("stopping", n.runs.stop()) }

// Start starts the server again, on its old data and address, and waits until it answers.
func (n *Node) Start() {
	n.t.Helper()
	n.Launch()
	n.must("waiting for", n.wait())
}

// Launch is Start without waiting: Answers tells when it takes connections.
func (n *Node) Launch() {
	n.t.Helper()
	n.must("starting", n.runs.start())
}

// Answers tells whether the server takes connections. One that ended by itself fails the test.
func (n *Node) Answers() bool {
	n.t.Helper()
	c, err := net.DialTimeout("tcp", n.Address, time.Second)
	if err == nil {
		return c.Close() == nil
	}
	if !n.runs.alive() {
		n.must("waiting for", errors.New("it ended while starting"))
	}
	return false
}

// PID is the id of the server's process, for who looks at what it uses; 0 where it is no process of this machine's own.
func (n *Node) PID() int { return n.runs.pid() }

// Log gives the last lines that the server wrote.
func (n *Node) Log() string { return n.runs.log() }

// Pause freezes the server: connections stay open, answers stop.
func (n *Node) Pause() { n.must("pausing", n.runs.pause()) }

// Resume lets a paused server go on.
func (n *Node) Resume() { n.must("resuming", n.runs.resume()) }

func (n *Node) must(doing string, err error) {
	if err != nil {
		n.t.Helper()
		n.t.Fatalf("%s the server at %s: %v\n%s", doing, n.Address, err, n.runs.log())
	}
}

// wait returns when the server takes connections.
func (n *Node) wait() error {
	for end := time.Now().Add(startTimeout); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		c, err := net.DialTimeout("tcp", n.Address, time.Second)
		if err == nil {
			return c.Close()
		}
		if !n.runs.alive() {
			return errors.New("it ended while starting")
		}
	}
	return fmt.Errorf("it takes no connections after %v", startTimeout)
}

// launch starts a server for each spec, at the address beside it, and waits until all take connections.
func launch(t Owner, specs []spec, ports []int) []*Node {
	t.Helper()
	b, err := chooseBackend(t)
	if err != nil {
		t.Fatalf("starting servers: %v", err)
	}
	nodes := make([]*Node, len(specs))
	for i, s := range specs {
		runs, err := b.create(s)
		if err != nil {
			t.Fatalf("creating %s: %v", s.name, err)
		}
		n := &Node{Address: address(ports[i]), t: t, runs: runs}
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("the last of %s's log:\n%s", s.name, runs.log())
			}
			if err := runs.remove(); err != nil {
				t.Errorf("removing %s: %v", s.name, err)
			}
		})
		n.must("starting", runs.start())
		nodes[i] = n
	}
	for _, n := range nodes {
		n.must("waiting for", n.wait())
	}
	return nodes
}

// freePorts finds ports that nobody listens on. They lie below the range from which the system takes ports for outgoing connections:
// there a client that redials a killed server may end up connected to itself, on the server's port.
func freePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for try := 0; len(ports) < n; try++ {
		port := 15000 + rand.IntN(17000)
		l, err := net.Listen("tcp", address(port))
		if err == nil {
			defer func() { _ = l.Close() }() // all are held until all are known, so that they differ
			ports = append(ports, port)
		} else if try > 1000 {
			return nil, fmt.Errorf("looking for a free port: %w", err)
		}
	}
	return ports, nil
}

// Ports are addresses on 127.0.0.1 that nobody listens on, with five digits each.
func Ports(t Owner, n int) []string {
	t.Helper()
	ports := mustPorts(t, n)
	list := make([]string, n)
	for i, port := range ports {
		list[i] = address(port)
	}
	return list
}

// mustPorts is freePorts for a test.
func mustPorts(t Owner, n int) []int {
	t.Helper()
	ports, err := freePorts(n)
	if err != nil {
		t.Fatalf("looking for ports: %v", err)
	}
	return ports
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func addresses(nodes []*Node) []string {
	list := make([]string, len(nodes))
	for i, n := range nodes {
		list[i] = n.Address
	}
	return list
}
