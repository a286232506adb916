package pipeline

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestEveryMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.InfoLevel)
		st := newStatus()
		go st.everyMinute(t.Context(), zap.New(core))
		st.events.Add(7)
		st.shed.Add(3)
		time.Sleep(2*time.Minute + time.Second)
		synctest.Wait()
		lines := logs.All()
		if len(lines) != 2 {
			t.Fatalf("%d lines in two minutes", len(lines))
		}
		first, second := lines[0].ContextMap(), lines[1].ContextMap()
		if first["events"] != int64(7) || first["entries_shed"] != int64(3) {
			t.Errorf("the first minute: %v", first)
		}
		if _, told := second["entries_shed"]; told || second["events"] != int64(0) {
			t.Errorf("a minute in which nothing happened: %v", second)
		}
	})
}
