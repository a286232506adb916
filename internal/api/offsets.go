package api

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/view"
)

// Offsets is a place in the changes topic: for each partition the offset of the next change.
type Offsets map[int32]int64

// String writes offsets as Ruas-Offset and the ids of streams have them.
func (o Offsets) String() string { return string(o.append(nil)) }

func (o Offsets) append(dst []byte) []byte {
	for i, p := range slices.Sorted(maps.Keys(o)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, int64(p), 10)
		dst = append(dst, ':')
		dst = strconv.AppendInt(dst, o[p], 10)
	}
	return dst
}

// maxPartitions is more than a topic has.
const maxPartitions = 100_000

// parseOffsets reads what String writes.
func parseOffsets(text string) (Offsets, error) {
	o := Offsets{}
	for part := range strings.SplitSeq(text, ",") {
		number, offset, ok := strings.Cut(part, ":")
		p, errP := strconv.ParseUint(number, 10, 31)
		at, errAt := strconv.ParseUint(offset, 10, 63)
		if !ok || errP != nil || errAt != nil || p >= maxPartitions {
			return nil, fmt.Errorf("%.40q is no place in the changes: want <partition>:<offset>, several with commas between them", text)
		}
		o[int32(p)] = int64(at)
	}
	return o, nil
}

// clockOf is the least clock; math.MinInt64: a partition has none yet.
func clockOf(standings []view.Standing) int64 {
	clock := int64(engine.Never)
	for _, at := range standings {
		clock = min(clock, at.Clock)
	}
	if clock == engine.Never {
		return math.MinInt64
	}
	return clock
}

// offsetsOf is how far the standings are; nil where one of them does not tell.
func offsetsOf(standings []view.Standing) Offsets {
	o := Offsets{}
	for _, at := range standings {
		if at.Changes == view.Unknown {
			return nil
		}
		o[at.Partition] = at.Changes
	}
	return o
}

// offsetsText is how far the standings are, as Ruas-Offset has it; empty where one of them does not tell.
func offsetsText(standings []view.Standing) string {
	if len(standings) != 1 {
		return offsetsOf(standings).String()
	}
	at := standings[0] // as of a customer
	if at.Changes == view.Unknown {
		return ""
	}
	var room [32]byte
	text := append(strconv.AppendInt(room[:0], int64(at.Partition), 10), ':')
	return string(strconv.AppendInt(text, at.Changes, 10))
}

// moment writes milliseconds since the epoch; math.MinInt64, which is no moment, is empty.
func moment(ms int64) string {
	if ms == math.MinInt64 {
		return ""
	}
	var room [24]byte
	return string(engine.AppendTime(room[:0], ms))
}
