//go:build browser

package console_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"sync"
	"testing"
	"time"
)

// fake answers for studies and dead letters, and passes all else on.
type fake struct {
	t     *testing.T
	mu    sync.Mutex
	looks map[string]int
	asked map[string]map[string]string
}

func pretend(t *testing.T, url string) string {
	t.Helper()
	to, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, looks: map[string]int{}, asked: map[string]map[string]string{}}
	mux := http.NewServeMux()
	mux.Handle("/", httputil.NewSingleHostReverseProxy(to))
	mux.HandleFunc("POST /v1/studies", f.begin)
	mux.HandleFunc("/v1/studies/{id}", f.study)
	mux.HandleFunc("GET /v1/dead-letters", f.letters)
	mux.HandleFunc("POST /v1/dead-letters:replay", f.replay)
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

type object map[string]any

func (f *fake) begin(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ask map[string]string
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
		f.t.Error(err)
	}
	id := fmt.Sprint(len(f.asked) + 1)
	f.asked[id] = ask
	answer(w, 202, object{"id": id, "segment": ask["segment"], "state": "waiting", "progress": object{"read": 0, "total": 0}})
}

func (f *fake) study(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := r.PathValue("id")
	ask := f.asked[id]
	f.looks[id]++
	out := object{"id": id, "segment": ask["segment"], "state": "running", "progress": object{"read": 1000 * f.looks[id], "total": 4000}}
	if f.looks[id] > 4 {
		out["state"] = "done"
		sample := []object{}
		for i := range 60 {
			sample = append(sample, object{"customer_id": fmt.Sprintf("dewi-%04d", i), "member": i%3 != 0, "was": i >= 40 || i%3 == 0})
		}
		figures := func(customers, buyers, orders int, total float64) object {
			return object{"customers": customers, "buyers": buyers, "orders": orders, "total": total, "average_order": total / float64(max(1, orders))}
		}
		group := func(name string, k float64) object {
			return object{"group": name, "members": figures(int(20*k), int(15*k), int(40*k), 9.6e6*k*k), "everybody": figures(int(70*k), int(40*k), int(100*k), 19.8e6*k)}
		}
		unknown := group("", .3)
		delete(unknown, "group")
		unknown["unknown"] = true
		result := object{
			"as_of": time.Now(), "sources_since": time.Now().AddDate(-1, 0, 0), "complete": true, "events": 3990, "rejected": 10, "customers": 312, "members": 108, "sample": sample,
			"attributes": []object{
				{"name": "city", "source": "profile", "unit": "text", "difference": .3, "values": []object{{"value": "Jakarta", "members": 52, "customers": 80}, {"value": "Semarang", "members": 5, "customers": 40}}},
				{"name": "birth_date", "source": "profile", "unit": "years", "difference": .2, "values": []object{{"value": "18–24", "members": 40, "customers": 60, "from": 18, "below": 25}, {"value": "65+", "members": 1, "customers": 12, "from": 65}}},
				{"name": "push_enabled", "source": "profile", "unit": "text", "difference": .1, "values": []object{{"value": "true", "members": 70, "customers": 150}}},
				{"name": "orders_90d", "source": "feature", "unit": "number", "difference": .1, "values": []object{{"value": "3–5", "members": 20, "customers": 30}}},
			},
			"sales": object{
				"currency": "IDR", "members": figures(108, 90, 400, 3.3e8), "everybody": figures(312, 200, 800, 5.1e8),
				"by_age":  []object{group("under 18", .3), group("18–24", 1.6), group("25–34", 1.3), group("35–49", .8), group("65+", .1), unknown},
				"by_city": []object{group("Jakarta", 1.8), group("Surabaya", 1.1), group("Bandung", .9), group("Semarang", .5)},
			},
		}
		if ask["rules"] != "" {
			result["against"] = object{"members": 94, "joins": 27, "leaves": 13}
		}
		out["result"] = result
	}
	answer(w, 200, out)
}

func (f *fake) letters(w http.ResponseWriter, r *http.Request) {
	all := []object{}
	for i := range 7 {
		reason, detail, value := "not_json", "unexpected end of JSON input", `{"id": "p-1`
		if i%2 == 0 {
			reason, detail, value = "wrong_property_type", `purchase.amount: "12" is not a number`, `{"id":"p-`+fmt.Sprint(i)+`","type":"purchase","customer_id":"dewi-0001","time":"2026-11-23T05:00:00+07:00","amount":"12","items":[{"sku":"a","price":12345678901234567890}],"none":{}}`
		}
		if want := r.URL.Query().Get("reason"); want != "" && want != reason {
			continue
		}
		all = append(all, object{"partition": i % 2, "offset": 10 - i, "time": time.Now().Add(-time.Duration(i) * time.Minute), "reason": reason, "detail": detail, "source": "purchases", "source_partition": 1, "source_offset": 100 + i, "key": "dewi-0001", "value": value})
	}
	answer(w, 200, object{"letters": all})
}

func (f *fake) replay(w http.ResponseWriter, r *http.Request) {
	var ask struct{ Letters []object }
	_ = json.NewDecoder(r.Body).Decode(&ask)
	answer(w, 200, object{"replayed": len(ask.Letters)})
}
