package demo

import (
	"github.com/ruas/ruas/internal/deadletter"
	"github.com/ruas/ruas/internal/kafka"
)

// letters are the shop's records that were no good.
func letters(k *kafka.Kafka) *deadletter.Letters {
	opt := deadletter.Options{Log: k, Topic: lettersTopic, Partitions: partitions}
	for _, topic := range topics {
		opt.Sources = append(opt.Sources, deadletter.Source{Name: topic, Topic: topic})
	}
	return deadletter.New(opt)
}
