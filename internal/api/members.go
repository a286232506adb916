package api

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"iter"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/view"
)

const (
	defaultLimit = 100
	maxLimit     = 10_000
	// walkPiece is how many members of each partition a walk reads at a time.
	walkPiece = 2000
)

// The forms of a list of members.
const (
	formJSON   = "json"
	formCSV    = "csv"
	formNDJSON = "ndjson"
)

var formTypes = map[string]string{"application/json": formJSON, "text/csv": formCSV, "application/x-ndjson": formNDJSON}

func (s *server) members(w http.ResponseWriter, r *http.Request) {
	args := query(r, "after", "limit", "format")
	after, limit := args.customerID("after"), int(args.number("limit", 1, maxLimit, 0))
	form := args.choice("format", "", formJSON, formCSV, formNDJSON)
	if args.bad(w, r) {
		return
	}
	if form == "" {
		if form = accepted(r.Header.Values("Accept")); form == "" {
			fail(w, r, notAcceptable, "a list of members is application/json, text/csv or application/x-ndjson")
			return
		}
	}
	_, g := s.segmentOf(w, r, r.PathValue("name"))
	if g == nil {
		return
	}
	if form == formJSON {
		s.memberPage(w, r, g.Name, after, limit)
		return
	}
	s.memberStream(w, r, g.Name, after, limit, form)
}

func (s *server) memberPage(w http.ResponseWriter, r *http.Request, segment, after string, limit int) {
	if limit == 0 {
		limit = defaultLimit
	}
	found, err := s.View.Members(r.Context(), segment, after, limit)
	if err != nil {
		s.unread(w, r, err)
		return
	}
	out := struct {
		Segment string   `json:"segment"`
		AsOf    string   `json:"as_of,omitempty"`
		Members []string `json:"members"`
		// Next is what after is for the page that follows; there is none where it is missing.
		Next string `json:"next,omitempty"`
	}{Segment: segment, AsOf: standAt(w, found.Standings), Members: append([]string{}, found.IDs[:min(limit, len(found.IDs))]...)}
	if found.More || len(found.IDs) > limit {
		out.Next = out.Members[len(out.Members)-1]
	}
	reply(w, out)
}

// memberStream sends members as they are read; limit 0: all of them.
func (s *server) memberStream(w http.ResponseWriter, r *http.Request, segment, after string, limit int, form string) {
	if !take(s.walks) {
		busy(w, r, "walks over whole lists")
		return
	}
	defer give(s.walks)
	control := http.NewResponseController(w)
	out := bufio.NewWriterSize(w, 1<<16)
	var row func(id string) error
	n := 0
	for piece, err := range s.walk(r.Context(), segment, after) {
		if err != nil {
			if row == nil {
				s.unread(w, r, err)
				return
			}
			s.cut(r, err)
		}
		if row == nil {
			standAt(w, piece.Standings)
			row = rows(w, out, form, segment)
		}
		for _, id := range piece.IDs {
			if n++; limit > 0 && n > limit {
				break
			}
			if row(id) != nil {
				return // the reader is gone
			}
		}
		// A reader that takes nothing for so long is gone too.
		_ = control.SetWriteDeadline(time.Now().Add(writeTimeout))
		if out.Flush() != nil || control.Flush() != nil || limit > 0 && n >= limit {
			return
		}
	}
}

// cut ends a stream so that its reader sees that it is not whole.
func (s *server) cut(r *http.Request, err error) {
	if r.Context().Err() == nil {
		s.Logger.Warn("a stream was cut off", zap.String("request_id", requestID(r)), zap.Error(err))
	}
	panic(http.ErrAbortHandler)
}

// rows begins a stream and returns what writes a row of it.
func rows(w http.ResponseWriter, out *bufio.Writer, form, segment string) func(id string) error {
	if form == formNDJSON {
		w.Header().Set("Content-Type", "application/x-ndjson")
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		return func(id string) error {
			return encoder.Encode(struct {
				ID string `json:"customer_id"`
			}{id})
		}
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s.csv"`, segment))
	table := csv.NewWriter(out)
	table.UseCRLF = true
	write := func(cell string) error {
		if err := table.Write([]string{cell}); err != nil {
			return fmt.Errorf("writing a row: %w", err)
		}
		table.Flush()
		return nil
	}
	_ = write("customer_id") // into the buffer
	return func(id string) error { return write(inert(id)) }
}

// inert keeps a spreadsheet from taking a cell for a formula.
func inert(cell string) string {
	if strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// walk reads a whole list of members piece by piece, from the first one after after.
func (s *server) walk(ctx context.Context, segment, after string) iter.Seq2[view.Members, error] {
	return func(yield func(view.Members, error) bool) {
		for {
			piece, err := s.View.Members(ctx, segment, after, walkPiece)
			if !yield(piece, err) || err != nil || !piece.More {
				return
			}
			after = piece.IDs[len(piece.IDs)-1]
		}
	}
}

// accepted chooses the form that Accept likes best; empty: it likes none.
func accepted(accept []string) string {
	best, most := "", 0.0
	all := strings.Join(accept, ",")
	if strings.TrimSpace(all) == "" {
		return formJSON
	}
	for part := range strings.SplitSeq(all, ",") {
		kind, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		weight := 1.0
		if text, ok := params["q"]; ok {
			if weight, err = strconv.ParseFloat(text, 64); err != nil {
				continue
			}
		}
		form := formTypes[kind]
		switch kind {
		case "*/*", "application/*":
			form = formJSON
		case "text/*":
			form = formCSV
		}
		if form != "" && weight > most {
			best, most = form, weight
		}
	}
	return best
}

// take takes a place of a bound, if there is one.
func take(places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		return false
	}
}

func give(places chan struct{}) { <-places }
