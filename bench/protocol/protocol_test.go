package protocol

import (
	"bytes"
	"context"
	"flag"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	var redis string
	p, err := parse("x", strings.Fields("--brokers a:1,b:2 --app g --out o --topics t1,t2 --commit-ms 10 --warm-topics w --mode m --redis r:3"),
		func(f *flag.FlagSet) { f.StringVar(&redis, "redis", "", "") })
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(p.Brokers, " "); got != "a:1 b:2" {
		t.Errorf("brokers %q", got)
	}
	if got := strings.Join(p.Topics, " "); got != "t1 t2" {
		t.Errorf("topics %q", got)
	}
	if p.App != "g" || p.Out != "o" || p.Commit != 10*time.Millisecond || redis != "r:3" || p.Threads < 1 {
		t.Errorf("parsed %+v, redis %q", p, redis)
	}
}

func TestStartWaitsForALine(t *testing.T) {
	var out bytes.Buffer
	p := &Program{in: strings.NewReader("go\n"), out: &out}
	if err := p.start(context.Background()); err != nil {
		t.Fatal(err)
	}
	p.First()
	p.First()
	p.Done()
	if got, want := out.String(), "warm\nfirst\ndone\n"; got != want {
		t.Errorf("said %q, want %q", got, want)
	}
	if err := (&Program{in: strings.NewReader(""), out: &out}).start(context.Background()); err == nil {
		t.Error("started although the harness went away")
	}
}
