package demo

import (
	"sync"

	"go.uber.org/zap/zapcore"
)

// heldMost is how many entries of the log are kept while the table is on the screen.
const heldMost = 200

// held keeps what is logged while the table has the screen, and writes it afterwards.
type held struct {
	zapcore.Core
	kept *kept
}

type kept struct {
	mu      sync.Mutex
	entries []func() error
	missed  int
}

// With implements zapcore.Core.
func (h held) With(fields []zapcore.Field) zapcore.Core { return held{h.Core.With(fields), h.kept} }

// Check implements zapcore.Core.
func (h held) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if h.Enabled(e.Level) {
		return checked.AddCore(e, h)
	}
	return checked
}

// Write implements zapcore.Core.
func (h held) Write(e zapcore.Entry, fields []zapcore.Field) error {
	h.kept.mu.Lock()
	defer h.kept.mu.Unlock()
	if len(h.kept.entries) == heldMost {
		h.kept.missed++
		return nil
	}
	h.kept.entries = append(h.kept.entries, func() error { return h.Core.Write(e, fields) })
	return nil
}

// release writes what was held, and gives the number of entries for which there was no room.
func (k *kept) release() (missed int, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, write := range k.entries {
		if err := write(); err != nil {
			return k.missed, err
		}
	}
	k.entries = nil
	return k.missed, nil
}
