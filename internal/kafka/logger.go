package kafka

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// logger hands franz-go's log on. What franz-go calls an error it retries: to us it is a warning, and its information is detail.
type logger struct {
	to *zap.Logger

	mu   sync.Mutex
	told map[string]time.Time // warnings, and when they were handed on
}

// quietFor is how long a warning that was handed on is not repeated: while a server is away every retry brings the same one, but for
// counts, ports and waiting times. The pipeline says what it means.
const quietFor = time.Minute

func newLogger(to *zap.Logger) *logger { return &logger{to: to, told: map[string]time.Time{}} }

// Level implements kgo.Logger.
func (l *logger) Level() kgo.LogLevel {
	switch {
	case l.to.Core().Enabled(zapcore.DebugLevel):
		return kgo.LogLevelInfo
	case l.to.Core().Enabled(zapcore.WarnLevel):
		return kgo.LogLevelWarn
	}
	return kgo.LogLevelNone
}

// Log implements kgo.Logger.
func (l *logger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	at := zapcore.DebugLevel
	if level == kgo.LogLevelError || level == kgo.LogLevelWarn {
		at = zapcore.WarnLevel
	}
	entry := l.to.Check(at, "kafka client: "+msg)
	if entry == nil || at == zapcore.WarnLevel && l.repeats(gist(msg, keyvals), time.Now()) {
		return
	}
	fields := make([]zap.Field, 0, len(keyvals)/2)
	for i := 0; i+1 < len(keyvals); i += 2 {
		fields = append(fields, zap.String(fmt.Sprint(keyvals[i]), fmt.Sprint(keyvals[i+1])))
	}
	entry.Write(fields...)
}

// gist is a message and its error, without digits.
func gist(msg string, keyvals []any) string {
	for i := 0; i+1 < len(keyvals); i += 2 {
		if keyvals[i] == "err" {
			msg += fmt.Sprint(keyvals[i+1])
		}
	}
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, msg)
}

// repeats tells whether the same was handed on a moment ago.
func (l *logger) repeats(text string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if since, ok := l.told[text]; ok && now.Sub(since) < quietFor {
		return true
	}
	for old, since := range l.told {
		if now.Sub(since) >= quietFor {
			delete(l.told, old)
		}
	}
	l.told[text] = now
	return false
}
