package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/pipeline"
)

// check compares what was published, and what Redis holds, with what is to be.
func (w *world) check() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	read, err := w.follow(append(slices.Clone(sources), forgets, changes, states, deadLetters, memberships)...)
	if err == nil {
		defer read.client.Close()
		err = w.catchUp(ctx, read)
	}
	if err != nil {
		w.fail(err.Error())
		return
	}
	redis, err := w.look()
	if err != nil {
		w.fail(err.Error())
		return
	}
	for p := range w.scenario.Partitions {
		if err := w.checkPartition(p, read, redis); err != nil {
			w.fail(err.Error())
		}
	}
}

func (w *world) checkPartition(p int32, read *reader, redis snapshot) error {
	tasks, err := read.tasks(p)
	if err != nil {
		return err
	}
	if err := w.checkTasks(p, tasks); err != nil {
		return err
	}
	if err := w.checkPassed(p, tasks, read); err != nil {
		return err
	}
	want, err := w.expected(p, tasks, read)
	if err != nil {
		return err
	}
	var got []string
	for _, rec := range read.topics[changes].records[p] {
		got = append(got, string(rec.Value))
	}
	w.changes += len(got)
	if err := equal(fmt.Sprintf("the changes of partition %d are not what the committed inputs ask for", p), got, want.lines()); err != nil {
		w.say("the steps of partition %d, as its task records tell:", p)
		for _, line := range want.account {
			w.say("%s", line)
		}
		w.say("what was published:")
		for i, line := range got {
			w.say("%d (offset %d): %s", i, read.topics[changes].records[p][i].Offset, line)
		}
		return err
	}
	if w.scenario.Records {
		if want, err = w.replayed(p, read); err != nil {
			return err
		}
		if err := equal(fmt.Sprintf("the changes of partition %d are not those of a replay", p), got, want.lines()); err != nil {
			return err
		}
	}
	if err := w.checkLateness(p, read, want); err != nil {
		return err
	}
	if err := w.checkDeadLetters(p, read, want); err != nil {
		return err
	}
	return w.checkRedis(p, read, want, redis)
}

const (
	// recovered is the virtual time after the last fault from which on time alone must move customers in time.
	recovered = 30 * time.Second
	// lateMost is contract section 6: a second after its moment, and as much more as a worker's clock is behind.
	lateMost = time.Second + 2*time.Second
)

// checkLateness looks whether what time alone changed was published soon after its moment, once nothing went wrong any more.
func (w *world) checkLateness(p int32, read *reader, want *reference) error {
	for i, rec := range read.topics[changes].records[p] {
		at := time.UnixMilli(want.out[i].Time)
		if want.out[i].Cause != engine.CauseTime || at.Before(w.healed.Add(recovered)) || w.scenario.Records {
			continue
		}
		if late := rec.Timestamp.Sub(at); late > lateMost {
			return fmt.Errorf("partition %d: a change was published %v after its moment:\n    %s", p, late, rec.Value)
		}
	}
	return nil
}

// checkTasks looks whether task records go on from one another.
func (w *world) checkTasks(p int32, tasks []pipeline.TaskRecord) error {
	for i := 1; i < len(tasks); i++ {
		a, b := tasks[i-1], tasks[i]
		if b.Epoch < a.Epoch || b.Clock < a.Clock {
			return fmt.Errorf("partition %d went back from epoch %d, clock %d to epoch %d, clock %d", p, a.Epoch, a.Clock, b.Epoch, b.Clock)
		}
		for _, s := range a.Sources {
			for _, n := range b.Sources {
				if n.Topic == s.Topic && n.Next < s.Next {
					return fmt.Errorf("partition %d of %s went back from %d to %d", p, s.Topic, s.Next, n.Next)
				}
			}
		}
	}
	return nil
}

// equal compares lists, and says where they part.
func equal(what string, got, want []string) error {
	for i := range max(len(got), len(want)) {
		g, x := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			x = want[i]
		}
		if g != x {
			return fmt.Errorf("%s: number %d of %d is\n    %s, and of %d should be\n    %s", what, i, len(got), g, len(want), x)
		}
	}
	return nil
}

// checkDeadLetters looks whether each record that is no good was put aside once.
func (w *world) checkDeadLetters(p int32, read *reader, want *reference) error {
	var got, wanted []string
	if s := read.topics[deadLetters]; s != nil {
		for _, rec := range s.records[p] {
			at := place{}
			for _, h := range rec.Headers {
				switch h.Key {
				case pipeline.HeaderTopic:
					at.topic = string(h.Value)
				case pipeline.HeaderOffset:
					at.offset, _ = strconv.ParseInt(string(h.Value), 10, 64)
				}
			}
			got = append(got, fmt.Sprint(at))
		}
	}
	for _, at := range want.rejected {
		wanted = append(wanted, fmt.Sprint(at))
	}
	slices.Sort(got)
	slices.Sort(wanted)
	return equal(fmt.Sprintf("the dead letters of partition %d are not the records that are no good", p), got, wanted)
}

// checkArchives holds that an archive stands beside each state that names one, and no other. They are taken out of what is committed.
func (w *world) checkArchives(committed map[string]string) error {
	archives := make(map[string][]byte)
	for key, value := range committed {
		if id, archive := pipeline.ArchiveOf(key); archive {
			archives[id] = []byte(value)
			delete(committed, key)
		}
	}
	w.archives += len(archives)
	for id, value := range committed {
		_, state, err := pipeline.SplitState([]byte(value))
		if err == nil {
			err = w.engine.DecodeInto(new(engine.Customer), id, state, archives[id])
		}
		if err == nil && !engine.Divided(state) && archives[id] != nil {
			err = errors.New("its archive is of no use")
		}
		if err != nil {
			return fmt.Errorf("customer %s: %w", id, err)
		}
		delete(archives, id)
	}
	for id := range archives {
		return fmt.Errorf("there is an archive of customer %s, and no state", id)
	}
	return nil
}

// checkRedis compares the shard with the state topic, and its indexes with the customers.
func (w *world) checkRedis(p int32, read *reader, want *reference, redis snapshot) error {
	base := fmt.Sprintf("%s%s:{%d}:", prefix, group, p)
	committed := make(map[string]string)
	for _, rec := range read.topics[states].records[p] {
		if len(rec.Key) < 2 || rec.Key[0] != customerKey {
			continue
		}
		id := string(rec.Key[1:])
		if rec.Value == nil {
			delete(committed, id)
			continue
		}
		committed[id] = string(rec.Value)
	}
	held, members := make(map[string]string), make(map[string]bool)
	for key, fields := range redis.hashes {
		if strings.HasPrefix(key, base+"s:") {
			for id, value := range fields {
				if id != "" {
					held[id] = value
				}
			}
		}
	}
	for key, set := range redis.sets {
		if strings.HasPrefix(key, base+"m:") {
			for _, z := range set {
				if m, _ := z.Member.(string); m != "" {
					members[m] = true
				}
			}
		}
	}
	deadlines := make(map[string]float64)
	for _, z := range redis.sets[base+"deadlines"] {
		id, _ := z.Member.(string)
		deadlines[id] = z.Score
	}
	for id, value := range committed {
		if held[id] != value {
			return fmt.Errorf("partition %d: Redis holds %q of customer %q, and %q is committed", p, held[id], id, value)
		}
	}
	if len(held) > len(committed) {
		return fmt.Errorf("partition %d: Redis holds %d records, and %d are committed", p, len(held), len(committed))
	}
	if err := w.checkArchives(committed); err != nil {
		return fmt.Errorf("partition %d: %w", p, err)
	}
	for id, value := range committed {
		k := want.customers[id]
		if k == nil || k.empty() {
			return fmt.Errorf("partition %d: nothing is known of customer %s, and %q is committed", p, id, value)
		}
		if at := k.due(); at != pipeline.Never {
			if score, ok := deadlines[id]; !ok || int64(score) > at {
				return fmt.Errorf("partition %d: customer %s is due at %d, and Redis says %v (%v)", p, id, at, score, ok)
			}
		}
		k.state.Memberships(func(seg int, in bool, _ int64, _ uint64) bool {
			m := w.engine.Segments()[seg].Name + "\x00" + id
			if in != members[m] {
				err := fmt.Errorf("partition %d: membership %q is %v, and in Redis %v", p, m, in, members[m])
				w.fail(err.Error())
			}
			delete(members, m)
			return true
		})
	}
	for id := range deadlines {
		if _, ok := committed[id]; id != "" && !ok {
			return fmt.Errorf("partition %d: Redis has a deadline of customer %s, of whom nothing is committed", p, id)
		}
	}
	if err := w.checkLists(p, read, want, committed); err != nil {
		return err
	}
	w.forgotten += want.forgotten
	for _, k := range want.customers {
		if k.gone && k.empty() {
			w.gone++
		}
	}
	for m := range members {
		return fmt.Errorf("partition %d: Redis has the member %q, who is none", p, m)
	}
	end := w.cluster.PartitionInfo(states, p).HighWatermark
	if got := redis.hashes[base+"meta"]["applied"]; got == "" {
		return fmt.Errorf("partition %d: Redis holds no description", p)
	} else if n, _ := strconv.ParseInt(got, 10, 64); n > end {
		return fmt.Errorf("partition %d: Redis is at %d, ahead of the state topic, %d", p, n, end)
	}
	published := int64(0)
	if list := read.topics[changes].records[p]; len(list) > 0 {
		published = list[len(list)-1].Offset + 1
	}
	if n, err := strconv.ParseInt(redis.hashes[base+"meta"]["changes"], 10, 64); err != nil || n < published || n > w.cluster.PartitionInfo(changes, p).HighWatermark {
		return fmt.Errorf("partition %d: Redis says that it holds all changes before %q, and the last one ends at %d", p, redis.hashes[base+"meta"]["changes"], published)
	}
	if read.topics[states].next[p] != end {
		return fmt.Errorf("partition %d: the state topic was not read to its end", p)
	}
	return nil
}

// checkLists looks whether the newest list of each customer is how things stand.
func (w *world) checkLists(p int32, read *reader, want *reference, committed map[string]string) error {
	newest := make(map[string]string)
	if s := read.topics[memberships]; s != nil {
		for _, rec := range s.records[p] {
			if newest[string(rec.Key)] = string(rec.Value); rec.Value == nil {
				delete(newest, string(rec.Key))
			}
		}
	}
	for id, text := range newest {
		var list struct {
			Customer string   `json:"customer_id"`
			Segments []string `json:"segments"`
		}
		if err := json.Unmarshal([]byte(text), &list); err != nil || list.Customer != id {
			return fmt.Errorf("partition %d: the list of customer %s is %s: %w", p, id, text, err)
		}
		if _, ok := committed[id]; !ok {
			return fmt.Errorf("partition %d: customer %s has the list %s, and nothing is committed of them", p, id, text)
		}
		if is := w.segmentsOf(want.customers[id]); !slices.Equal(is, list.Segments) {
			return fmt.Errorf("partition %d: customer %s is in %q, and has the list %s", p, id, is, text)
		}
	}
	for id := range committed {
		if is := w.segmentsOf(want.customers[id]); len(is) > 0 && newest[id] == "" {
			return fmt.Errorf("partition %d: customer %s is in %q, and has no list", p, id, is)
		}
	}
	return nil
}

// segmentsOf gives the names of a customer's segments, in order.
func (w *world) segmentsOf(k *known) (names []string) {
	k.state.Memberships(func(seg int, in bool, _ int64, _ uint64) bool {
		if in {
			names = append(names, w.engine.Segments()[seg].Name)
		}
		return true
	})
	slices.Sort(names)
	return names
}
