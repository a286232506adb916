package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
)

// Banner is what is shown to members of a segment; to everybody where Segment is "".
type Banner struct {
	Segment string `json:"segment"`
	Text    string `json:"banner"`
}

// parseBanners reads a list of banners, the most important one first, the last one for everybody.
func parseBanners(text []byte) ([]Banner, error) {
	var list []Banner
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	if len(list) == 0 || list[len(list)-1].Segment != "" {
		return nil, errors.New(`the last banner is to be for everybody: {"segment": "", "banner": "…"}`)
	}
	return list, nil
}

// choose gives the first banner that is for one of the segments.
func choose(banners []Banner, segments []string) Banner {
	for _, b := range banners {
		if _, in := slices.BinarySearch(segments, b.Segment); in || b.Segment == "" {
			return b
		}
	}
	return Banner{}
}

// Pages answer which banner to show. Until ready is set they say that they do not know yet: better no banner than that for strangers.
type Pages struct {
	Store   *Store
	Banners []Banner
	Ready   atomic.Bool
}

// answer is what a page of the shop is told.
type answer struct {
	CustomerID string   `json:"customer_id"`
	Banner     string   `json:"banner"`
	Segment    string   `json:"segment,omitempty"` // for which the banner is
	Segments   []string `json:"segments"`
}

// Handler serves /banner?customer=ID and /readyz.
func (p *Pages) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !p.Ready.Load() {
			http.Error(w, "reading the memberships", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ready\n")
	})
	mux.HandleFunc("GET /banner", func(w http.ResponseWriter, r *http.Request) {
		customer := r.FormValue("customer")
		switch {
		case !p.Ready.Load():
			http.Error(w, "reading the memberships", http.StatusServiceUnavailable)
			return
		case customer == "":
			http.Error(w, "whose? /banner?customer=ID", http.StatusBadRequest)
			return
		}
		segments := p.Store.Segments(customer)
		b := choose(p.Banners, segments)
		if segments == nil {
			segments = []string{}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer{customer, b.Text, b.Segment, segments}) // a reader that is gone is no matter
	})
	return mux
}
