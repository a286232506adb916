//go:build integration

package kafka

import (
	"testing"

	"github.com/ruas/ruas/internal/servers"
)

func TestFencingOnKafka(t *testing.T) { fencing(t, servers.Kafka(t).Addresses, true) }

func TestFencingOnThreeBrokers(t *testing.T) { fencing(t, servers.KafkaCluster(t).Addresses, true) }

func TestScanOnKafka(t *testing.T) { scanning(t, servers.Kafka(t).Addresses) }
