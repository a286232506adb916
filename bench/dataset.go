package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/ruas/ruas/bench/internal/shop"
	"github.com/ruas/ruas/internal/workload"
)

// dataset is events on Kafka, the closing ones too, and what replay says of them.
type dataset struct {
	b      *bench
	opt    workload.Options
	prefix string // of the topics
	ends   kadm.ListedOffsets
	want   map[int][]string // by number of rules: the changes, sorted
}

func (d *dataset) topics() []string { return topicsOf(d.prefix) }

func topicsOf(prefix string) []string {
	topics := make([]string, len(shop.Sources))
	for i, source := range shop.Sources {
		topics[i] = prefix + source
	}
	return topics
}

// data gives a dataset, which it produces where that was not done yet. The prefix is its name.
func (b *bench) data(prefix string, opt workload.Options) (*dataset, error) {
	if d := b.datasets[prefix]; d != nil {
		return d, nil
	}
	if err := b.serve(); err != nil {
		return nil, err
	}
	d := &dataset{b: b, opt: opt, prefix: prefix, want: map[int][]string{}}
	if err := shop.CreateTopics(b.ctx, b.admin, partitions, d.topics()...); err != nil {
		return nil, err
	}
	began := time.Now()
	n, err := shop.Send(b.ctx, b.client, prefix, workload.Records(opt), workload.Closing(opt, partitions, shop.ClosingCustomer(partitions)))
	if err != nil {
		return nil, err
	}
	progress("produced %d records to %s… in %.1f s", n, d.topics()[0], time.Since(began).Seconds())
	if d.ends, err = b.ends(d.topics()...); err != nil {
		return nil, err
	}
	b.datasets[prefix] = d
	return d, nil
}

// ends are the offsets of topics' ends.
func (b *bench) ends(topics ...string) (kadm.ListedOffsets, error) {
	ends, err := b.admin.ListEndOffsets(b.ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("asking for the ends of %v: %w", topics, err)
	}
	return ends, nil
}

// warm is what programs on a JVM run over before they are measured, in the same process.
func (b *bench) warm() (*dataset, error) {
	return b.data("warm-", workload.Options{Events: 300_000, Customers: 15_000, Seed: 2})
}

// file gives the events as JSON lines, without the closing ones. Files are kept from run to run.
func (b *bench) file(opt workload.Options) (string, error) {
	path := filepath.Join(b.cache, fmt.Sprintf("events-%d-%d-%d.jsonl", opt.Events, opt.Customers, opt.Seed))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	file, err := os.Create(path + ".new")
	if err != nil {
		return "", err
	}
	if err := workload.Write(file, opt); err != nil {
		return "", err
	}
	if err := file.Close(); err != nil {
		return "", err
	}
	return path, os.Rename(path+".new", path)
}

// expect gives the changes that there should be under so many rules: those that replay prints.
func (d *dataset) expect(rules int) ([]string, error) {
	if want := d.want[rules]; want != nil {
		return want, nil
	}
	file, err := d.b.file(d.opt)
	if err != nil {
		return nil, err
	}
	var out, message bytes.Buffer
	segments, err := d.b.rules(rules)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(d.b.ctx, d.b.program("ruas"), "replay", "--segments", segments, "--strict", "--partitions", fmt.Sprint(partitions),
		"--until", time.UnixMilli(d.opt.Last()).UTC().Format("2006-01-02T15:04:05.000Z"), file)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = d.b.folder, []string{}, &out, &message
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("replaying %s: %w\n%s", file, err, message.String())
	}
	want, err := readChanges(&out)
	if err != nil {
		return nil, fmt.Errorf("reading what replay printed: %w", err)
	}
	d.want[rules] = want
	return want, nil
}

// rules gives the file of a rule set.
func (b *bench) rules(n int) (string, error) {
	text, err := workload.Rules(n)
	if err != nil {
		return "", err
	}
	path := filepath.Join(b.cache, fmt.Sprintf("s%d.yaml", n))
	return path, os.WriteFile(path, text, 0o600)
}
