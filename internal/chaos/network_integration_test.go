//go:build integration

package chaos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/rs/zerolog"

	"github.com/ruas/ruas/internal/servers"
)

// network leads each worker to each server over a proxy of its own.
type network struct {
	t     *testing.T
	api   *toxiproxy.ApiServer
	kafka []wire // by worker
	redis []wire
}

// wire is one worker's way to all nodes of Kafka, or of Redis.
type wire []*toxiproxy.Proxy

// addresses are those that the worker is given.
func (w wire) addresses() []string {
	list := make([]string, len(w))
	for i, p := range w {
		list[i] = p.Listen
	}
	return list
}

// newNetwork opens the proxies, which lead nowhere yet: brokers must know the addresses when they start.
func newNetwork(t *testing.T, workers, brokers, redisNodes int) *network {
	t.Helper()
	n := &network{t: t, api: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())}
	open := func(count int) wire {
		w := make(wire, count)
		for i, listen := range servers.Ports(t, count) {
			w[i] = toxiproxy.NewProxy(n.api, listen, listen, "127.0.0.1:1")
			if err := w[i].Start(); err != nil {
				t.Fatalf("starting a proxy: %v", err)
			}
			t.Cleanup(w[i].Stop)
		}
		return w
	}
	for range workers {
		n.kafka = append(n.kafka, open(brokers))
		n.redis = append(n.redis, open(redisNodes))
	}
	return n
}

func (n *network) doors() [][]string {
	list := make([][]string, len(n.kafka))
	for i, w := range n.kafka {
		list[i] = w.addresses()
	}
	return list
}

// lead connects the proxies with the servers. In a Redis Cluster, where the nodes tell clients each other's addresses, a worker is told
// those of its proxies instead.
func (n *network) lead(kafka, redis *servers.Servers) {
	n.t.Helper()
	connect := func(w wire, to []string) {
		for i, p := range w {
			if err := p.Update(&toxiproxy.Proxy{Listen: p.Listen, Upstream: to[i], Enabled: true}); err != nil {
				n.t.Fatalf("leading a proxy to %s: %v", to[i], err)
			}
		}
	}
	for i := range n.kafka {
		connect(n.kafka[i], kafka.Doors[i])
		connect(n.redis[i], redis.Addresses)
		if len(redis.Addresses) == 1 {
			continue
		}
		told := make(map[string]string)
		for j, p := range n.redis[i] {
			told[port(redis.Addresses[j])] = port(p.Listen)
		}
		for _, p := range n.redis[i] {
			n.poison(p, "ports", "downstream", map[string]any{"told": told})
		}
	}
}

func port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

func (n *network) poison(p *toxiproxy.Proxy, kind, direction string, attributes map[string]any) {
	n.t.Helper()
	text, err := json.Marshal(map[string]any{"name": kind + "-" + direction, "type": kind, "stream": direction, "attributes": attributes})
	if err == nil {
		_, err = p.Toxics.AddToxicJson(bytes.NewReader(text))
	}
	if err != nil {
		n.t.Fatalf("adding %s to a proxy: %v", kind, err)
	}
}

// cut is a way in which a network fails.
type cut string

const (
	cutRefused  cut = "refused"  // connections end, and no new one is made
	cutSilent   cut = "silent"   // connections stay, and nothing comes through
	cutAnswers  cut = "answers"  // what is sent arrives, answers do not
	cutRequests cut = "requests" // what is sent does not arrive
)

var cuts = []cut{cutRefused, cutSilent, cutAnswers, cutRequests}

// sever fails a wire in one way; mend ends it, and every connection that was open meanwhile.
func (n *network) sever(w wire, how cut) (mend func()) {
	n.t.Helper()
	var directions []string
	switch how {
	case cutRefused:
		for _, p := range w {
			p.Stop()
		}
		return func() {
			for _, p := range w {
				if err := p.Start(); err != nil {
					n.t.Errorf("starting the proxy at %s again: %v", p.Listen, err)
				}
			}
		}
	case cutSilent:
		directions = []string{"upstream", "downstream"}
	case cutAnswers:
		directions = []string{"downstream"}
	case cutRequests:
		directions = []string{"upstream"}
	}
	for _, p := range w {
		for _, d := range directions {
			n.poison(p, "timeout", d, map[string]any{"timeout": 0})
		}
	}
	return func() {
		for _, p := range w {
			for _, d := range directions {
				if err := p.Toxics.RemoveToxic(n.t.Context(), "timeout-"+d); err != nil {
					n.t.Errorf("mending the proxy at %s: %v", p.Listen, err)
				}
			}
		}
	}
}

// ports replaces ports in the answers of a Redis Cluster's nodes. All have five digits, so that no length changes. In CLUSTER SLOTS and in
// a redirection alike a port stands between a colon and a line's end.
type ports struct {
	Told map[string]string `json:"told"`
}

func init() { toxics.Register("ports", new(ports)) }

const placeLength = len(":12345\r\n")

// Pipe implements toxics.Toxic.
func (p *ports) Pipe(stub *toxics.ToxicStub) {
	var held []byte // the beginning of what may be a port
	for {
		select {
		case <-stub.Interrupt:
			if len(held) > 0 {
				stub.Output <- &stream.StreamChunk{Data: held}
			}
			return
		case c := <-stub.Input:
			if c == nil {
				stub.Close()
				return
			}
			data := append(held, c.Data...) //nolint:gocritic // held is not used again
			held = nil
			p.replace(data)
			if from := bytes.LastIndexByte(data, ':'); from >= 0 && len(data)-from < placeLength && p.begins(string(data[from:])) {
				held, data = bytes.Clone(data[from:]), data[:from]
			}
			if len(data) > 0 {
				c.Data = data
				stub.Output <- c
			}
		}
	}
}

func (p *ports) replace(data []byte) {
	for at := 0; ; at++ {
		i := bytes.IndexByte(data[at:], ':')
		if i < 0 {
			return
		}
		at += i
		if end := at + placeLength; end <= len(data) && data[end-2] == '\r' && data[end-1] == '\n' {
			if told, ok := p.Told[string(data[at+1:end-2])]; ok {
				copy(data[at+1:], told)
			}
		}
	}
}

// begins tells whether text, which ends too early, may become a port's place.
func (p *ports) begins(text string) bool {
	for is := range p.Told {
		if strings.HasPrefix(fmt.Sprintf(":%s\r\n", is), text) {
			return true
		}
	}
	return false
}
