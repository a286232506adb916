package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of a process's times in /proc: Linux gives them in hundredths of a second, whatever the machine.
const tick = 10 * time.Millisecond

// cpu is what a process and its children have used of the processors, user and system.
func cpu(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field, the name in brackets, may hold anything; the third is the first behind it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const utime, cstime = 14 - 3, 17 - 3
	var total time.Duration
	for _, field := range fields[utime : cstime+1] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading the times of process %d: %w", pid, err)
		}
		total += time.Duration(ticks) * tick
	}
	for _, child := range children(pid) {
		more, err := cpu(child)
		if err != nil {
			continue // it has just ended, and counts with its parent's from now on
		}
		total += more
	}
	return total, nil
}

// children are the processes that a process has started and that live.
func children(pid int) (list []int) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil
	}
	for _, task := range tasks {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		if err != nil {
			continue
		}
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				list = append(list, child)
			}
		}
	}
	return list
}

// resident gives a process's resident memory now, and its peak, in bytes; 0: not known.
func resident(pid int) (now, peak float64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	field := func(name string) float64 {
		_, rest, _ := strings.Cut(string(text), name+":")
		kB := 0.0
		_, _ = fmt.Sscan(rest, &kB)
		return kB * 1024
	}
	return field("VmRSS"), field("VmHWM")
}

// resetPeak lets a process's peak begin anew with what it has now.
func resetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0o600)
}

// usage is what was used up to a moment.
type usage struct {
	at                    time.Time
	worker, broker, redis time.Duration
}

func (u usage) since(before usage) usage {
	return usage{at: u.at, worker: u.worker - before.worker, broker: u.broker - before.broker, redis: u.redis - before.redis}
}

// use looks at the servers and at the workers.
func (b *bench) use(workers ...*process) (usage, error) {
	u := usage{at: time.Now()}
	for _, w := range workers {
		used, err := cpu(w.pid())
		if err != nil {
			return u, fmt.Errorf("looking at %s: %w%s", w.name, err, w.tail())
		}
		u.worker += used
	}
	var err error
	if u.broker, err = cpu(b.kafka.Nodes[0].PID()); err != nil {
		return u, fmt.Errorf("looking at the broker: %w", err)
	}
	if u.redis, err = cpu(b.redis.Nodes[0].PID()); err != nil {
		return u, fmt.Errorf("looking at Redis: %w", err)
	}
	return u, nil
}
