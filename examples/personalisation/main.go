// Personalisation keeps the segments of all customers in memory, and answers which banner to show to whom. README.md says how.
package main

import (
	"context"
	_ "embed"
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

//go:embed banners.json
var banners []byte

func main() {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	brokers := flag.String("brokers", "127.0.0.1:9092", "Kafka's addresses, comma-separated")
	memberships := flag.String("memberships", "segment-memberships", "the topic of memberships")
	listen := flag.String("listen", "127.0.0.1:8091", "where to answer: /banner?customer=ID")
	file := flag.String("banners", "", "a JSON file of banners, in place of the ones built in")
	flag.Parse()
	topic := &subscribe.Topic{
		Brokers: kafka.TCP(strings.Split(*brokers, ",")...), Transport: &kafka.Transport{MetadataTTL: time.Second}, Name: *memberships,
		Retrying: func(err error) { logger.Warn("tries again", "error", err) },
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, logger, topic, *file, *listen)
	stop()
	if !errors.Is(err, context.Canceled) {
		logger.Error("stopped", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, logger *slog.Logger, topic *subscribe.Topic, file, listen string) (err error) {
	text := banners
	if file != "" {
		if text, err = os.ReadFile(file); err != nil {
			return err
		}
	}
	pages := &Pages{Store: NewStore()}
	if pages.Banners, err = parseBanners(text); err != nil {
		return fmt.Errorf("reading the banners: %w", err)
	}
	server := http.Server{Addr: listen, Handler: pages.Handler(), ReadHeaderTimeout: 5 * time.Second}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(server.ListenAndServe()) }()
	if err = pages.follow(ctx, logger, topic); errors.Is(err, context.Canceled) {
		err = context.Cause(ctx)
	}
	return errors.Join(err, server.Close())
}

// follow reads what is known by now, says that it is ready, and follows what comes.
func (p *Pages) follow(ctx context.Context, logger *slog.Logger, topic *subscribe.Topic) error {
	begun := time.Now()
	next, err := topic.ReadToEnd(ctx, nil, p.Store.Take)
	if err != nil {
		return err
	}
	p.Ready.Store(true)
	logger.Info("ready", "customers", p.Store.Len(), "after", time.Since(begun).Round(time.Millisecond))
	return topic.Follow(ctx, next, p.Store.Take)
}
