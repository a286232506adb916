package main

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/ruas/ruas/internal/config"
)

// writeSize prints what is needed, how much of it, and why.
func writeSize(out io.Writer, x *sized) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s events a second at the peak, %s customers, %s, %s\n\n", short(x.Load.Events), short(x.Load.Customers),
		counted(x.Rules.Segments, "segment", "segments"), counted(x.Setup.Sources, "source", "sources"))
	t := table{{cell("WHAT"), cell("HOW MUCH"), cell("WHY")}}
	for _, r := range x.rows() {
		t = append(t, row{cell(r.what), cell(r.much), cell(r.why)})
	}
	t.write(&b)
	b.WriteByte('\n')
	for _, w := range x.Warnings {
		fact(&b, "warning", w)
	}
	b.WriteString("\nMeasured on one machine of two cores, which workers, broker and Redis shared; all beyond it is extrapolated. docs/sizing.md has the sums,\n" +
		"each figure's source and the assumptions. Measure with your own load before you buy.\n")
	_, err := io.WriteString(out, b.String())
	return err
}

// line is a line of the table.
type line struct{ what, much, why string }

func (x *sized) rows() []line {
	var rows []line
	rows = append(rows, x.rulesRows()...)
	rows = append(rows, x.machineRows()...)
	rows = append(rows, x.storageRows()...)
	return append(rows, x.recoveryRows()...)
}

func (x *sized) rulesRows() []line {
	r, f := &x.Rules, x.Figures
	state, changes, ids := "as 'ruas check' says: "+x.report.TypicalMeans,
		fmt.Sprintf("of %d segments: between what S10, S1000 and S10000 give (%.2g, %.2g, %.2g)", r.Segments, f.Changes.Value, f.Changes1000.Value, f.Changes10000.Value),
		"as many for each segment as with S10"
	cpu := fmt.Sprintf("an event and change of %d segments: %.2f times S10's, between S10, S1000 and S10000", r.Segments, f.CPUOf(r.Segments))
	if s := x.Sample; s != nil {
		of := fmt.Sprintf("the sample's %s customers", short(float64(s.Customers)))
		state = fmt.Sprintf("mean of %s; 99 of 100 have up to %s", of, bytesText(int(s.StateP99)))
		changes, ids = fmt.Sprintf("of the sample's %s events", short(float64(s.Events))), of
		if s.enough {
			cpu = fmt.Sprintf("the sample took %.2f µs an event to decode and step on this machine, S10's events %.2f: %.2f times as much", s.CPU, s.S10, r.CPU)
		}
	}
	n := &x.Need
	return []line{
		{"state of a customer", bytesText(int(math.Round(r.StateBytes))), state},
		{"changes", fmt.Sprintf("%s/s, %.2g an event", short(n.Changes.PerSecond), r.Changes), changes},
		{"memberships of a customer", fmt.Sprintf("%.2g", r.Memberships), ids},
		{"a worker's CPU for a million events", seconds(n.WorkerCPU), fmt.Sprintf(
			"measured: %s with all customers in its cache, %s with ten times as many; here up to %.0f %% of events miss it; %s",
			seconds(f.WorkerCPU.Value), seconds(f.WorkerCPUMany.Value), 100*n.Missed, cpu)},
	}
}

func (x *sized) machineRows() []line {
	n, a := &x.Need, &x.Assumptions
	p, w, r, b := &n.Partitions, &n.Workers, &n.Redis, &n.Brokers
	load := x.Load.Events / 1e6
	partitions := float64(p.Number)
	parts := func(events, all float64) string {
		return fmt.Sprintf("%s for events, %s for the transactions of %d partitions", cores(events), cores(max(0, all-events)), p.Number)
	}
	rows := []line{
		{"partitions of each source and of segment-state", fmt.Sprint(p.Number), fmt.Sprintf(
			"for events %.1f (one takes %s/s), for customers %.1f (%s each), for Redis %.0f; room for %g times the load, rounded up to a multiple of 12",
			p.ForEvents, short(p.Capacity), p.ForCustomers, short(a.PartitionCustomers), p.ForRedis, a.Growth)},
		{"workers", fmt.Sprintf("%d of %g cores, %s", w.Number, w.Cores, memoryText(w.Memory)), fmt.Sprintf(
			"%s busy at the peak: %s; filled to %.0f %%, and one more for the loss of one. Memory: a cache of %s customers a partition, and what is read ahead",
			cores(w.Busy), parts(load*n.WorkerCPU, w.Busy), 100*a.Headroom, short(float64(x.Setup.CacheCustomers)))},
	}
	kind, each := "one server", ""
	if r.Primaries > 1 {
		kind, each = fmt.Sprintf("a Cluster of %d primaries", r.Primaries), " each"
	}
	if r.Replicas > 0 {
		kind += fmt.Sprintf(" with %s%s", counted(r.Replicas, "replica", "replicas"), each)
	}
	rows = append(rows,
		line{"Redis", fmt.Sprintf("%s, %s a node", kind, memoryText(r.Memory)), fmt.Sprintf(
			"%s a customer, %s in all, filled to %.0f %%: %d; %s busy (%s): %d",
			bytesText(int(math.Round(r.CustomerBytes))), volume(r.Bytes), 100*a.RedisFill, r.ForBytes, cores(r.Busy), parts(load*n.RedisCPU, r.Busy), r.ForCPU)},
		line{"brokers, for ruas alone", fmt.Sprintf("%s over %d or more", cores(b.Cores), b.Number), fmt.Sprintf(
			"%s busy at replication %d: %s on leaders; %s replicas of partitions. What producers of the sources take is not in it",
			cores(b.Busy), x.Setup.Replication, parts(load*n.BrokerCPU, load*n.BrokerCPU+partitions*n.Partition.Broker), short(b.Replicas))},
	)
	return rows
}

func (x *sized) storageRows() []line {
	n, a := &x.Need, &x.Assumptions
	w := &n.Network
	return []line{
		{"segment-state", volume(n.State.Disk) + " on disk", fmt.Sprintf(
			"%s live, and as much again, or 64 MiB a partition, that is not compacted yet; %d replicas. %s/s are written; compaction must read %s/s to keep up",
			volume(n.State.Live), x.Setup.Replication, volume(n.State.Written), volume(n.Brokers.Cleaner))},
		{"segment-changes", volume(n.Changes.Disk) + " on disk", fmt.Sprintf("%g days at the peak's rate, compressed to %.0f %%, %d replicas", a.ChangesKept,
			100*x.Figures.ChangeLZ4.Value, x.Setup.Replication)},
		{"network, at the peak", volume(w.Events+w.Written+w.Replication+w.RedisWrites+w.RedisReads) + "/s", fmt.Sprintf(
			"events to workers %s/s, workers to brokers %s/s, between brokers %s/s, to Redis %s/s, from Redis %s/s",
			volume(w.Events), volume(w.Written), volume(w.Replication), volume(w.RedisWrites), volume(w.RedisReads))},
	}
}

func (x *sized) recoveryRows() []line {
	n, f, a := &x.Need, x.Figures, &x.Assumptions
	r, k := &n.Recovery, &n.Cost
	rows := []line{
		{"a worker is lost", lasting(r.Takeover) + " to the first change", fmt.Sprintf(
			"the session time-out of %s and a take-over, measured: %s; no lag is left after %s", lasting(x.Setup.SessionTimeout.Seconds()), lasting(f.Takeover.Value),
			lasting(r.CaughtUp))},
	}
	if n.Redis.Primaries > 1 {
		rows = append(rows, line{"a Redis primary is lost, with its replicas", lasting(r.Node), fmt.Sprintf("what 1 of %d nodes held, built anew from segment-state", n.Redis.Primaries)})
	}
	return append(rows,
		line{"all of Redis is lost", lasting(r.Redis), fmt.Sprintf(
			"%s customers, built anew from segment-state at %s a second and core of %d workers; measured with two cores. Nothing is lost, and nothing wrong is published",
			short(x.Load.Customers), short(f.RebuildRate.Value), n.Workers.Number)},
		line{"cost a month", money(k.Total), fmt.Sprintf(
			"workers %s, Redis %s, brokers' share %s, disk %s; at %g a vCPU-hour, %g a GiB of memory an hour, %g a GiB of disk a month. Traffic is not in it",
			money(k.Workers), money(k.Redis), money(k.Brokers), money(k.Disk), a.PriceCPU, a.PriceRAM, a.PriceDisk)},
	)
}

// What makes a warning.
const (
	triedPartitions = 100     // more were not tried
	cleanerSpeed    = 50e6    // bytes a second that one thread of the log cleaner surely does
	largeState      = 100_000 // bytes that one customer of a hundred should not have
	shownWarnings   = 10
)

func (x *sized) warn(c *config.Config) {
	say := func(format string, args ...any) { x.Warnings = append(x.Warnings, fmt.Sprintf(format, args...)) }
	n, s := &x.Need, x.Sample
	switch {
	case s == nil:
		say("without --sample nothing is known of your events: changes, memberships and CPU are guesses from the benchmark's rules")
	case !s.enough:
		say("the sample has %s events, fewer than %s: CPU is taken from the benchmark's rules instead", short(float64(s.Events)), short(fewEvents))
	}
	if s != nil {
		if s.Rejected > 0 {
			say("%s of the sample's lines are no good: 'ruas replay' says why", short(float64(s.Rejected)))
		}
		if at := x.Rules.Hottest * x.Load.Events; s.enough && at > n.Partitions.Capacity/2 {
			say("customer %q has %.1f %% of the sample's events: %s/s at the peak, and all of a customer is in one partition, which takes %s/s. Is it a robot or a shared till? Leave it out at the source",
				s.Hot, 100*x.Rules.Hottest, short(at), short(n.Partitions.Capacity))
		}
		if s.Shed > 0 {
			say("customers of the sample had more than series_bound or a record allows; %s entries were shed, and answers about those customers are approximate (docs/state.md)", short(float64(s.Shed)))
		}
		if s.StateP99 > largeState {
			say("one customer in a hundred has %s of state or more: 'ruas check' says which segment keeps so much", bytesText(int(s.StateP99)))
		}
	}
	x.warnRules(say)
	if n.Partitions.Number > triedPartitions {
		say("%d partitions are more than were ever tried together (%d)", n.Partitions.Number, triedPartitions)
	}
	if each := n.Brokers.Cleaner / float64(n.Brokers.Number); each > cleanerSpeed {
		say("compaction must read %s/s on each of %d brokers, more than one thread does: raise log.cleaner.threads, or have more brokers", volume(each), n.Brokers.Number)
	}
	if n.Redis.Primaries > 1 && len(c.Redis.Addresses) == 1 && !c.Redis.Cluster {
		say("redis.addresses names one server; %d primaries are a Cluster: name several of its nodes", n.Redis.Primaries)
	}
	if n.Redis.Replicas == 0 {
		say("without replicas, the partitions of a lost Redis node stand until a new one is there and filled")
	}
	if x.Setup.Replication < usualReplication {
		say("with replication %d a lost disk may lose what customers' states were: they are in segment-state alone", x.Setup.Replication)
	}
}

// warnRules repeats what check warns of.
func (x *sized) warnRules(say func(string, ...any)) {
	var all []string
	for i := range x.report.Segments {
		seg := &x.report.Segments[i]
		for _, w := range seg.Warnings {
			all = append(all, fmt.Sprintf("segment %s: %s", seg.Name, w.Message))
		}
	}
	for i, text := range all {
		if i == shownWarnings {
			say("and %d more of the same kind: 'ruas check' has all", len(all)-shownWarnings)
			break
		}
		say("%s", text)
	}
	if r := &x.report; r.Limit > 0 && r.State.AtMost > r.Limit {
		say("a customer with very many events may take up to %s: rules ask for up to %s; a robot or a shared till comes near", bytesText(r.Limit), bytesText(r.State.AtMost))
	}
}

// short writes a number with three digits and k, M or G.
func short(x float64) string {
	for _, u := range []struct {
		of     float64
		suffix string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if x >= u.of*0.9995 {
			return digits(x/u.of) + u.suffix
		}
	}
	return digits(x)
}

// digits writes at least three digits, and no zeros behind the point.
func digits(x float64) string {
	text := fmt.Sprintf("%.0f", x)
	switch {
	case x < 9.995:
		text = fmt.Sprintf("%.2f", x)
	case x < 99.95:
		text = fmt.Sprintf("%.1f", x)
	}
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

func seconds(x float64) string { return digits(x) + " s" }

func cores(x float64) string { return digits(x) + " " + plural(int(math.Ceil(x)), "core", "cores") }

func memoryText(bytes float64) string { return digits(math.Ceil(bytes/(1<<30)*10)/10) + " GiB" }

// volume writes bytes in powers of a thousand.
func volume(bytes float64) string {
	switch {
	case bytes >= 1e12:
		return digits(bytes/1e12) + " TB"
	case bytes >= 1e9:
		return digits(bytes/1e9) + " GB"
	case bytes >= 1e6:
		return digits(bytes/1e6) + " MB"
	default:
		return digits(bytes/1e3) + " kB"
	}
}

// lasting writes seconds.
func lasting(s float64) string {
	switch {
	case s < 120:
		return digits(s) + " s"
	case s < 7200:
		return digits(s/60) + " min"
	default:
		return digits(s/3600) + " h"
	}
}

// money writes an amount, in whatever currency prices are.
func money(x float64) string {
	text := fmt.Sprintf("%.0f", x)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
