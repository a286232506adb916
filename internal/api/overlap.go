package api

import (
	"context"
	"iter"
	"net/http"
	"strings"

	"github.com/ruas/ruas/internal/view"
)

type segmentCount struct {
	Segment string `json:"segment"`
	Members int64  `json:"members"`
}

// overlap counts who is in both of two segments, by walking along both lists: they have the same order.
func (s *server) overlap(w http.ResponseWriter, r *http.Request) {
	args := query(r, "a", "b")
	a, b := args.text("a"), args.text("b")
	if a == "" || b == "" {
		args.fail("a and b are the two segments")
	}
	if args.bad(w, r) {
		return
	}
	for _, name := range []string{a, b} {
		if _, g := s.segmentOf(w, r, name); g == nil {
			return
		}
	}
	if !take(s.walks) {
		busy(w, r, "walks over whole lists")
		return
	}
	defer give(s.walks)
	left, right := s.open(r.Context(), a), s.open(r.Context(), b)
	defer left.stop()
	defer right.stop()
	both := int64(0)
	for l, r := left.next(), right.next(); l || r; {
		order := strings.Compare(left.id, right.id)
		switch {
		case !r || l && order < 0:
			l = left.next()
		case !l || order > 0:
			r = right.next()
		default:
			both++
			l, r = left.next(), right.next()
		}
	}
	for _, list := range []*memberList{left, right} {
		if list.err != nil {
			s.unread(w, r, list.err)
			return
		}
	}
	out := struct {
		AsOf    string       `json:"as_of,omitempty"`
		A       segmentCount `json:"a"`
		B       segmentCount `json:"b"`
		Both    int64        `json:"both"`
		Either  int64        `json:"either"`
		Jaccard *float64     `json:"jaccard,omitempty"`
	}{
		AsOf: standAt(w, left.standings), A: segmentCount{a, left.read}, B: segmentCount{b, right.read},
		Both: both, Either: left.read + right.read - both,
	}
	if out.Either > 0 {
		share := float64(both) / float64(out.Either)
		out.Jaccard = &share
	}
	reply(w, out)
}

// memberList is a place in a list of members.
type memberList struct {
	id        string
	read      int64
	standings []view.Standing // at the first piece
	err       error

	piece []string
	pull  func() (view.Members, error, bool)
	stop  func()
}

func (s *server) open(ctx context.Context, segment string) *memberList {
	l := &memberList{}
	l.pull, l.stop = iter.Pull2(s.walk(ctx, segment, ""))
	return l
}

// next goes on to the next member; false: there is none, or it cannot be read.
func (l *memberList) next() bool {
	for len(l.piece) == 0 {
		piece, err, ok := l.pull()
		if !ok || err != nil {
			l.err = err
			return false
		}
		if l.standings == nil {
			l.standings = piece.Standings
		}
		l.piece = piece.IDs
	}
	l.id, l.piece = l.piece[0], l.piece[1:]
	l.read++
	return true
}
