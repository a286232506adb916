package api

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

const (
	heartbeat    = 15 * time.Second
	writeTimeout = 10 * time.Second
	maxRecent    = 1000
)

// changes streams changes as server-sent events: the event is "change", its id the change's, its data the change. Parameters:
// segment (several: any of them), customer, and recent, how many of those before to send first. A browser that connects again
// names the last change it saw, and gets what it missed as far as that is remembered.
func (s *server) changes(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	recent := 0
	if text := query.Get("recent"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > maxRecent {
			fail(w, http.StatusBadRequest, "recent is a number from 0 to %d, not %q", maxRecent, text)
			return
		}
		recent = n
	}
	segments, customer := query["segment"], query.Get("customer")
	wanted := func(c Change) bool {
		return (len(segments) == 0 || slices.Contains(segments, c.Segment)) && (customer == "" || c.Customer == customer)
	}

	listener := s.opt.Feed.Listen(r.Header.Get("Last-Event-ID"), recent)
	defer listener.Close()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	stream := &stream{w: w, control: http.NewResponseController(w)}
	stream.write("retry: 1000\n\n")
	for _, c := range listener.Missed() {
		if wanted(c) {
			stream.change(c)
		}
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for stream.flush() {
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
			stream.write(": still here\n\n")
		case c, ok := <-listener.Changes():
			// What has gathered goes out in one piece.
			for more := true; more; {
				if !ok {
					return
				}
				if wanted(c) {
					stream.change(c)
				}
				select {
				case c, ok = <-listener.Changes():
				default:
					more = false
				}
			}
		}
	}
}

// stream writes server-sent events until the first error.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buf     []byte
}

func (s *stream) write(text string) { s.buf = append(s.buf, text...) }

func (s *stream) change(c Change) {
	s.write("id: " + c.ID + "\nevent: change\ndata: ")
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
