//go:build browser

package console_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"testing"
	"time"
)

// pretend answers for dead letters, of which the shop has none, and passes all else on.
func pretend(t *testing.T, url string) string {
	t.Helper()
	to, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", httputil.NewSingleHostReverseProxy(to))
	mux.HandleFunc("GET /v1/dead-letters", letters)
	mux.HandleFunc("POST /v1/dead-letters:replay", replay)
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

func letters(w http.ResponseWriter, r *http.Request) {
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

func replay(w http.ResponseWriter, r *http.Request) {
	var ask struct{ Letters []object }
	_ = json.NewDecoder(r.Body).Decode(&ask)
	answer(w, 200, object{"replayed": len(ask.Letters)})
}
