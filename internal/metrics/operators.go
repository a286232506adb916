package metrics

import (
	"fmt"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Operators answers /healthz (the process is alive), /readyz (ready returns nil) and /metrics; everything else goes to next, nil: nothing.
func Operators(gatherer prometheus.Gatherer, ready func() error, next http.Handler) http.Handler {
	mux := http.NewServeMux()
	operators(mux, gatherer, ready)
	if next != nil {
		mux.Handle("/", next)
	}
	return mux
}

// Admin answers what Operators does, and /debug/pprof.
func Admin(gatherer prometheus.Gatherer, ready func() error) http.Handler {
	mux := http.NewServeMux()
	operators(mux, gatherer, ready)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

func operators(mux *http.ServeMux, gatherer prometheus.Gatherer, ready func() error) {
	mux.Handle("GET /metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
}
