package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/subscribe"
)

var begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// hash is an id as changes have them.
func hash(customer, segment string, seq uint64) string {
	sum := sha256.Sum256(fmt.Append(nil, customer, segment, seq))
	return hex.EncodeToString(sum[:16])
}

func change(seq uint64) *subscribe.Change {
	c := &subscribe.Change{ID: hash("c42", "loyal", seq), CustomerID: "c42", Segment: "loyal", Kind: subscribe.Join, Seq: seq, Time: begin.Add(time.Duration(seq) * time.Hour)}
	if seq%2 == 0 {
		c.Kind = subscribe.Leave
	}
	return c
}

func TestDecide(t *testing.T) {
	t.Parallel()
	issued, err := decide(change(1), "10 % OFF", nil)
	if err != nil || issued.CustomerID != "c42" || issued.Offer != "10 % OFF" || !issued.Issued.Equal(change(1).Time) || !issued.TakenBack.IsZero() {
		t.Fatalf("%+v, %v", issued, err)
	}
	if again, err := decide(change(1), "20 % OFF", issued); again != nil || err != nil {
		t.Errorf("a join that was seen gives %+v, %v", again, err)
	}
	back, err := decide(change(2), "", issued)
	if err != nil || back.Code != issued.Code || !back.TakenBack.Equal(change(2).Time) || !issued.TakenBack.IsZero() {
		t.Errorf("%+v, %v", back, err)
	}
	if again, err := decide(change(2), "", back); again != nil || err != nil {
		t.Errorf("a leave that was seen gives %+v, %v", again, err)
	}
	next, err := decide(change(3), "10 % OFF", back)
	if err != nil || next.Code == issued.Code || !next.TakenBack.IsZero() {
		t.Errorf("%+v, %v", next, err)
	}
	if v, err := decide(change(2), "", nil); v != nil || err != nil {
		t.Errorf("a leave without a voucher gives %+v, %v", v, err)
	}
	if late, err := decide(change(4), "", issued); err == nil || late.TakenBack.IsZero() {
		t.Errorf("a leave behind a gap gives %+v, %v", late, err)
	}
}

func TestOffers(t *testing.T) {
	t.Parallel()
	o := Offers{"loyal": "x"}
	if err := o.Set("vip=A=B,birthday_today=CAKE"); err != nil || len(o) != 2 || o["vip"] != "A=B" {
		t.Errorf("%v, %v", o, err)
	}
	for _, bad := range []string{"", "vip", "=x", "vip=", "vip=x,"} {
		if err := o.Set(bad); err == nil {
			t.Errorf("%q is read as %v", bad, o)
		}
	}
}

func TestLedger(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vouchers.jsonl")
	open := func() *Ledger {
		t.Helper()
		l, err := openLedger(path)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := open()
	if _, err := openLedger(path); err == nil {
		t.Error("two programs have the ledger open")
	}
	issued, _ := decide(change(1), "10 % OFF", nil)
	back, _ := decide(change(2), "", issued)
	if err := l.Book(3, 10, []*Voucher{issued}); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Book(3, 20, []*Voucher{back}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	// A crash may leave any beginning of the last line.
	for n := len(before); n <= len(whole); n = max(n+1, min(n+11, len(whole)-1)) {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		l := open()
		next, taken := int64(10), false
		if n == len(whole) {
			next, taken = 20, true
		}
		v := l.Last("c42", "loyal")
		if got := l.Next(); got[3] != next || len(l.Of("c42")) != 1 || v.Code != issued.Code || v.TakenBack.IsZero() == taken {
			t.Fatalf("cut at %d of %d bytes: goes on from %v, %+v", n, len(whole), got, v)
		}
		if err := l.Book(3, 21, nil); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = open()
		if got := l.Next(); got[3] != 21 {
			t.Fatalf("cut at %d of %d bytes, and written to: goes on from %v", n, len(whole), got)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, append([]byte("no entry\n"), whole...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openLedger(path); err == nil {
		t.Error("a ledger that is damaged in its middle is read")
	}
}

// TestCrashes ends the program again and again, with lines half written: each join has its voucher once, each leave takes one back.
func TestCrashes(t *testing.T) {
	t.Parallel()
	const partitions, customers, seqs = 2, 15, 5
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, "changes"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	transport := new(kafka.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	var (
		path    = filepath.Join(t.TempDir(), "vouchers.jsonl")
		program = func() *Program {
			ledger, err := openLedger(path)
			if err != nil {
				t.Fatal(err)
			}
			return &Program{
				Changes: &subscribe.Topic{Brokers: kafka.TCP(cluster.ListenAddrs()...), Transport: transport, Name: "changes"},
				Offers:  Offers{"loyal": "10 % OFF", "birthday_today": "CAKE"}, Ledger: ledger, Log: slog.New(slog.DiscardHandler),
			}
		}
		last [partitions]int64 // offsets behind the last change
	)
	for seq := uint64(1); seq <= seqs; seq++ {
		for i := range customers {
			for _, segment := range []string{"loyal", "birthday_today", "other"} {
				c := change(seq)
				c.ID, c.CustomerID, c.Segment = hash(fmt.Sprint("c", i), segment, seq), fmt.Sprint("c", i), segment
				value, err := json.Marshal(c)
				if err != nil {
					t.Fatal(err)
				}
				r := &kgo.Record{Topic: "changes", Partition: int32(i % partitions), Value: value, Headers: []kgo.RecordHeader{
					{Key: "segment", Value: []byte(segment)}, {Key: "change", Value: []byte(c.Kind)},
				}}
				if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
					t.Fatal(err)
				}
				if segment != "other" {
					last[i%partitions] = r.Offset + 1
				}
			}
		}
		p := program()
		ctx, stop := context.WithTimeout(t.Context(), time.Duration(random.IntN(60))*time.Millisecond)
		_ = p.Follow(ctx)
		stop()
		if err := p.Ledger.Close(); err != nil {
			t.Fatal(err)
		}
		// What a crash in the middle of the last write leaves.
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if end := bytes.LastIndexByte(bytes.TrimSuffix(content, []byte("\n")), '\n') + 1; len(content) > end {
			if err := os.Truncate(path, int64(end+random.IntN(len(content)-end))); err != nil {
				t.Fatal(err)
			}
		}
	}
	p := program()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.Follow(ctx)
	}()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if next := p.Ledger.Next(); next[0] >= last[0] && next[1] >= last[1] {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("read up to %v of %v", p.Ledger.Next(), last)
		}
	}
	stop()
	<-ended

	for i := range customers {
		answer := httptest.NewRecorder()
		p.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, fmt.Sprint("/vouchers?customer=c", i), nil))
		var vouchers []Voucher
		if err := json.Unmarshal(answer.Body.Bytes(), &vouchers); err != nil {
			t.Fatal(err)
		}
		issued, good := map[string]int{}, map[string]int{}
		for _, v := range vouchers {
			issued[v.Segment]++
			if v.TakenBack.IsZero() {
				good[v.Segment]++
			}
		}
		if len(issued) != 2 || issued["loyal"] != 3 || issued["birthday_today"] != 3 || good["loyal"] != 1 || good["birthday_today"] != 1 {
			t.Errorf("c%d: issued %v, of which %v are good", i, issued, good)
		}
	}
	answer := httptest.NewRecorder()
	p.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/vouchers", nil))
	if answer.Code != http.StatusBadRequest {
		t.Errorf("vouchers of nobody: %d", answer.Code)
	}
}
