package deadletter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Request says which letters are to be sent again: those at Places or, where there are none, those that fit the rest.
type Request struct {
	Places []Place
	// Reason and Source, the name of one, are those of the letters; "": any. Until is the time before which they became letters, in milliseconds
	// since the epoch; 0: any.
	Reason, Source string
	Until          int64
	// From and To bound the letters by their offsets: at or behind From and before To. nil: from the first one kept, to the end as it is when
	// the request comes, so that what comes back is not sent a second time.
	From, To map[int32]int64
}

// Replayed is what became of a request.
type Replayed struct {
	// Replayed counts the letters that were sent again, Skipped those that were not, by why.
	Replayed int
	Skipped  map[Why]int
	// From and To are those of the request that goes on where this one ended; nil: it is done.
	From, To map[int32]int64
}

const (
	// replayMost is how many letters one request sends, replayFor about how long it takes.
	replayMost = 10_000
	replayFor  = 5 * time.Second
	// What is sent at a time.
	pieceRecords, pieceBytes = 500, 4 << 20
	// near is how many offsets between two places it is worth to read for nothing.
	near = 1000
)

var errEnough = errors.New("a request has done enough")

// Replay sends letters to their sources once more: the same key, value and headers, in the same partition, those of one partition in their order.
// A letter that this process remembers to have sent is not sent again. After an error some may have been sent: what it knows of is remembered.
func (l *Letters) Replay(ctx context.Context, r Request) (Replayed, error) {
	first, end, err := l.opt.Log.Bounds(ctx, l.opt.Topic)
	if err != nil {
		return Replayed{}, err
	}
	s := &sender{letters: l, out: Replayed{Skipped: make(map[Why]int)}, stop: l.opt.Now().Add(replayFor)}
	if len(r.Places) > 0 {
		err = s.places(ctx, r.Places, first, end)
	} else {
		err = s.matching(ctx, &r, first, end)
	}
	return s.out, errors.Join(err, s.flush(ctx))
}

// sender sends letters, a piece at a time.
type sender struct {
	letters *Letters
	out     Replayed
	stop    time.Time

	piece []Outgoing
	of    []Place
	bytes int
}

// places sends the letters at these places.
func (s *sender) places(ctx context.Context, places []Place, first, end map[int32]int64) error {
	places = slices.Clone(places)
	slices.SortFunc(places, func(a, b Place) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	places = slices.Compact(places)
	for len(places) > 0 {
		// Those that are near each other are read at once, a stretch of each partition at a time.
		from, to, wanted := make(map[int32]int64), make(map[int32]int64), make(map[Place]bool)
		var later []Place
		for _, p := range places {
			last, begun := to[p.Partition]
			switch {
			case p.Offset < first[p.Partition] || p.Offset >= end[p.Partition]:
				s.out.Skipped[Gone]++
				continue
			case !begun:
				from[p.Partition] = p.Offset
			case p.Offset >= last+near:
				later = append(later, p)
				continue
			}
			to[p.Partition], wanted[p] = p.Offset+1, true
		}
		places = later
		if len(wanted) == 0 {
			continue
		}
		err := s.letters.opt.Log.Records(ctx, s.letters.opt.Topic, from, to, func(r *Record) error {
			if !wanted[r.Place] {
				return nil
			}
			delete(wanted, r.Place)
			e := open(r)
			return s.send(ctx, r, &e)
		})
		if err != nil {
			return err
		}
		s.out.Skipped[Gone] += len(wanted)
	}
	if s.out.Skipped[Gone] == 0 {
		delete(s.out.Skipped, Gone)
	}
	return nil
}

// matching sends the letters that fit a request, as many as one request does.
func (s *sender) matching(ctx context.Context, r *Request, first, end map[int32]int64) error {
	from, to := make(map[int32]int64), make(map[int32]int64)
	for p, last := range end {
		from[p], to[p] = first[p], last
		if r.From != nil {
			from[p] = max(first[p], r.From[p])
		}
		if r.To != nil {
			to[p] = min(last, r.To[p])
		}
	}
	q := Query{Reason: r.Reason, Source: r.Source}
	taken := 0
	for _, p := range slices.Sorted(maps.Keys(to)) {
		if from[p] >= to[p] {
			continue
		}
		err := s.letters.opt.Log.Records(ctx, s.letters.opt.Topic, map[int32]int64{p: from[p]}, map[int32]int64{p: to[p]}, func(letter *Record) error {
			if taken >= replayMost || s.letters.opt.Now().After(s.stop) {
				return errEnough
			}
			from[p] = letter.Offset + 1
			e := open(letter)
			if !q.wants(s.letters, &e) || r.Until != 0 && letter.Time >= r.Until {
				return nil
			}
			taken++
			return s.send(ctx, letter, &e)
		})
		if errors.Is(err, errEnough) {
			s.out.From, s.out.To = from, to
			return nil
		}
		if err != nil {
			return err
		}
		from[p] = to[p]
	}
	return nil
}

// send puts a letter into the piece in hand, unless it is not to be sent.
func (s *sender) send(ctx context.Context, r *Record, e *envelope) error {
	why := s.letters.never(e)
	if why == "" && s.letters.sentAt(r.Place) != 0 {
		why = Repeated
	}
	if why != "" {
		s.out.Skipped[why]++
		return nil
	}
	s.piece, s.of = append(s.piece, e.again(r)), append(s.of, r.Place)
	if s.bytes += len(r.Value); len(s.piece) < pieceRecords && s.bytes < pieceBytes {
		return nil
	}
	return s.flush(ctx)
}

// flush sends the piece in hand.
func (s *sender) flush(ctx context.Context) error {
	if len(s.piece) == 0 {
		return nil
	}
	var failed error
	for i, err := range s.letters.opt.Log.Write(ctx, s.piece) {
		switch {
		case err == nil:
			s.out.Replayed++
			s.letters.remember(s.of[i])
		case errors.Is(err, ErrTooLarge):
			s.out.Skipped[TooLarge]++
		case failed == nil:
			failed = fmt.Errorf("sending letter %v again: %w", s.of[i], err)
		}
	}
	s.piece, s.of, s.bytes = s.piece[:0], s.of[:0], 0
	return failed
}
