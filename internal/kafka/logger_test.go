package kafka

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestWarningsAreNotRepeated(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	l := newLogger(zap.New(core))
	for i := range 3 {
		l.Log(kgo.LogLevelWarn, "unable to open connection to broker", "addr", "a:1", "err", fmt.Errorf("from port %d: refused", i), "backoff", i)
	}
	l.Log(kgo.LogLevelWarn, "unable to open connection to broker", "addr", "a:1", "err", "i/o timeout")
	if n := logs.Len(); n != 2 {
		t.Errorf("%d entries of two different warnings: %v", n, logs.All())
	}
	for range 2 {
		l.Log(kgo.LogLevelInfo, "beginning to manage the group lifecycle")
	}
	if n := logs.FilterLevelExact(zapcore.DebugLevel).Len(); n != 2 {
		t.Errorf("%d entries of detail", n)
	}
	now := time.Now()
	if l.repeats("x", now) || !l.repeats("x", now.Add(quietFor-1)) || l.repeats("x", now.Add(quietFor)) || len(l.told) != 1 {
		t.Errorf("what is remembered: %v", l.told)
	}
}
