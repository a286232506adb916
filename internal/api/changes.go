package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"
)

const (
	heartbeat    = 15 * time.Second
	writeTimeout = 10 * time.Second
	maxRecent    = 1000
	maxSegments  = 100
	maxPlace     = 64 << 10
	streamType   = "text/event-stream"
)

// changes streams changes as server-sent events: the event is "change", its data the change, its id where the stream stands behind it. A
// browser that connects again names the last id it saw, and gets what it missed as far as the topic keeps it.
func (s *server) changes(w http.ResponseWriter, r *http.Request) {
	args := query(r, "segment", "customer", "recent", "from")
	recent := int(args.number("recent", 0, maxRecent, 0))
	segments, customer, place := args.values["segment"], args.customerID("customer"), args.text("from")
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		place = last
	}
	if len(segments) > maxSegments || len(place) > maxPlace {
		args.fail("there are at most %d segments, and a place has at most %d bytes", maxSegments, maxPlace)
	}
	var from Offsets
	if place != "" {
		var err error
		if from, err = parseOffsets(place); err != nil {
			args.fail("%v", err)
		}
	}
	if args.bad(w, r) {
		return
	}
	for _, name := range segments {
		if _, g := s.segmentOf(w, r, name); g == nil {
			return
		}
	}
	if !take(s.streams) {
		busy(w, r, "streams")
		return
	}
	s.streamed()
	defer func() {
		give(s.streams)
		s.streamed()
	}()
	if s.Feed.At() == nil {
		w.Header().Set("Retry-After", "1")
		fail(w, r, unavailable, "the changes are not followed yet")
		return
	}
	w.Header().Set("Content-Type", streamType)
	w.Header().Set("X-Accel-Buffering", "no")
	stream := &stream{
		w: w, control: http.NewResponseController(w), at: from,
		wanted: func(c *Change) bool {
			return (len(segments) == 0 || slices.Contains(segments, c.Segment)) && (customer == "" || c.Customer == customer)
		},
	}
	stream.write("retry: 1000\n\n")
	listener, err := s.listen(r.Context(), stream, from, recent)
	if err != nil {
		if r.Context().Err() == nil && !errors.Is(err, errGone) {
			s.fault(r, err)
		}
		return // the reader takes up from the last id it has
	}
	defer listener.Close()
	stream.at = listener.At()
	for _, c := range listener.Missed() {
		stream.change(&c)
	}
	stream.follow(r.Context(), listener)
}

var (
	errGone = errors.New("the reader is gone")
	errBusy = errors.New("as many readers of old changes as are allowed are at work")
)

// listen joins the feed at a place. What the feed has forgotten is read from the topic first, until the two meet.
func (s *server) listen(ctx context.Context, stream *stream, from Offsets, recent int) (*Listener, error) {
	if from == nil {
		return s.Feed.Listen(recent), nil
	}
	for {
		if l, ok := s.Feed.ListenFrom(stream.at); ok {
			return l, nil
		}
		to := s.Feed.At()
		if s.Log == nil {
			stream.at = nil
			return s.Feed.Listen(0), nil
		}
		if !take(s.rereads) {
			return nil, errBusy
		}
		err := s.reread(ctx, stream, to)
		give(s.rereads)
		if err != nil {
			return nil, err
		}
	}
}

// reread sends what the topic holds between where the stream is and another place.
func (s *server) reread(ctx context.Context, stream *stream, to Offsets) error {
	from := maps.Clone(stream.at)
	for p := range from {
		if _, known := to[p]; !known {
			delete(from, p)
		}
	}
	sent := 0
	err := s.Log.Changes(ctx, from, to, func(r Record) error {
		c, err := readChange(r)
		if err != nil {
			return err
		}
		stream.change(&c)
		if sent++; sent%100 == 0 && !stream.flush() {
			return errGone
		}
		return nil
	})
	if err != nil {
		return err
	}
	for p := range from {
		stream.at[p] = max(stream.at[p], to[p])
	}
	if !stream.flush() {
		return errGone
	}
	return nil
}

// stream writes server-sent events until the first error.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	wanted  func(*Change) bool
	at      Offsets // behind the last change that was looked at
	buf     []byte
}

// follow hands on what a listener hears, until one of the two is gone.
func (s *stream) follow(ctx context.Context, listener *Listener) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for s.flush() {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			// Who connects again need not read once more what was not wanted.
			s.write("id: ")
			s.buf = s.at.append(s.buf)
			s.write("\n: still here\n\n")
		case c, ok := <-listener.Changes():
			// What has gathered goes out in one piece.
			for more := true; more; {
				if !ok {
					return
				}
				s.change(&c)
				select {
				case c, ok = <-listener.Changes():
				default:
					more = false
				}
			}
		}
	}
}

func (s *stream) write(text string) { s.buf = append(s.buf, text...) }

// change writes a change, if it is wanted and the stream is not past it.
func (s *stream) change(c *Change) {
	if c.Offset < s.at[c.Partition] {
		return
	}
	s.at[c.Partition] = c.Offset + 1
	if !s.wanted(c) {
		return
	}
	s.write("id: ")
	s.buf = s.at.append(s.buf)
	s.write("\nevent: change\ndata: ")
	s.buf = append(s.buf, c.JSON...)
	s.write("\n\n")
}

// flush sends what was written; it is false where the reader is gone.
func (s *stream) flush() bool {
	// Not every connection knows deadlines; then a dead reader shows later.
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := s.w.Write(s.buf)
	s.buf = s.buf[:0]
	return err == nil && s.control.Flush() == nil
}
