// Loyalty issues a voucher once to each customer who joins a segment that has an offer, and takes it back once when they leave it. README.md
// says how.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/ruas/ruas/subscribe"
)

func main() {
	p := Program{Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Offers: Offers{
		"loyal": "FREE SHIPPING", "gold_or_better": "10 % OFF", "birthday_today": "20 % OFF TODAY",
	}}
	brokers := flag.String("brokers", "127.0.0.1:9092", "Kafka's addresses, comma-separated")
	changes := flag.String("changes", "segment-changes", "the topic of changes")
	ledger := flag.String("ledger", "vouchers.jsonl", "the file that vouchers are kept in; made where it is missing")
	listen := flag.String("listen", "127.0.0.1:8092", "where vouchers are looked up: /vouchers?customer=ID")
	flag.Var(p.Offers, "offers", "what members of which segments are given, `SEGMENT=OFFER,…`")
	flag.Parse()
	p.Changes = &subscribe.Topic{
		Brokers: kafka.TCP(strings.Split(*brokers, ",")...), Transport: &kafka.Transport{MetadataTTL: time.Second}, Name: *changes,
		Retrying: func(err error) { p.Log.Warn("tries again", "error", err) },
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := p.run(ctx, *ledger, *listen)
	stop()
	if !errors.Is(err, context.Canceled) {
		p.Log.Error("stopped", "error", err)
		os.Exit(1)
	}
}

// Program books vouchers.
type Program struct {
	Changes *subscribe.Topic
	Offers  Offers
	Ledger  *Ledger
	Log     *slog.Logger
}

func (p *Program) run(ctx context.Context, ledger, listen string) (err error) {
	if p.Ledger, err = openLedger(ledger); err != nil {
		return err
	}
	server := http.Server{Addr: listen, Handler: p.Handler(), ReadHeaderTimeout: 5 * time.Second}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(server.ListenAndServe()) }()
	if err = p.Follow(ctx); errors.Is(err, context.Canceled) {
		err = context.Cause(ctx)
	}
	return errors.Join(err, server.Close(), p.Ledger.Close())
}

// Follow books what follows from the changes, from where the ledger says, until the context ends or something fails for good.
func (p *Program) Follow(ctx context.Context) error {
	next := p.Ledger.Next()
	p.Log.Info("follows the changes", "from", next)
	err := p.Changes.Follow(ctx, next, p.handle)
	if errors.Is(err, kafka.OffsetOutOfRange) {
		return fmt.Errorf("changes were removed before they were read, or %s was made anew: %w", p.Changes.Name, err)
	}
	return err
}

// positionStep is how far one reads on without a note of it.
const positionStep = 5000

// handle books the changes of one partition.
func (p *Program) handle(_ context.Context, batch []*subscribe.Record) error {
	var (
		partition = batch[0].Partition
		next      = batch[len(batch)-1].Offset + 1
		vouchers  []*Voucher
		last      = map[[2]string]*Voucher{} // of this batch
	)
	for _, r := range batch {
		offer, ok := p.Offers[r.Header("segment")]
		if !ok && r.Header("change") == string(subscribe.Join) {
			continue // but a voucher of an offer that is no more is taken back
		}
		c, err := subscribe.ParseChange(r)
		if err != nil {
			return err
		}
		of := [2]string{c.CustomerID, c.Segment}
		if last[of] == nil {
			last[of] = p.Ledger.Last(c.CustomerID, c.Segment)
		}
		v, missed := decide(c, offer, last[of])
		if missed != nil {
			p.Log.Warn("goes on with the next", "partition", r.Partition, "offset", r.Offset, "error", subscribe.ErrMissed)
		}
		if v != nil {
			last[of] = v
			vouchers = append(vouchers, v)
		}
	}
	if len(vouchers) == 0 && next < p.Ledger.Next()[partition]+positionStep {
		return nil
	}
	if err := p.Ledger.Book(partition, next, vouchers); err != nil {
		return err
	}
	if len(vouchers) > 0 {
		p.Log.Info("booked vouchers", "partition", partition, "vouchers", len(vouchers))
	}
	return nil
}

// Handler answers who has which vouchers.
func (p *Program) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /vouchers", func(w http.ResponseWriter, r *http.Request) {
		customer := r.FormValue("customer")
		if customer == "" {
			http.Error(w, "whose? /vouchers?customer=ID", http.StatusBadRequest)
			return
		}
		vouchers := p.Ledger.Of(customer)
		if vouchers == nil {
			vouchers = []*Voucher{}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(vouchers) // a reader that is gone is no matter
	})
	return mux
}
