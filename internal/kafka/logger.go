package kafka

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// logger hands franz-go's log on. What franz-go calls an error it retries: to us it is a warning, and its information is detail.
type logger struct{ to *zap.Logger }

func (l logger) Level() kgo.LogLevel {
	switch {
	case l.to.Core().Enabled(zapcore.DebugLevel):
		return kgo.LogLevelInfo
	case l.to.Core().Enabled(zapcore.WarnLevel):
		return kgo.LogLevelWarn
	}
	return kgo.LogLevelNone
}

func (l logger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	at := zapcore.DebugLevel
	if level == kgo.LogLevelError || level == kgo.LogLevelWarn {
		at = zapcore.WarnLevel
	}
	entry := l.to.Check(at, "kafka client: "+msg)
	if entry == nil {
		return
	}
	fields := make([]zap.Field, 0, len(keyvals)/2)
	for i := 0; i+1 < len(keyvals); i += 2 {
		fields = append(fields, zap.String(fmt.Sprint(keyvals[i]), fmt.Sprint(keyvals[i+1])))
	}
	entry.Write(fields...)
}
