package gateway

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/internal/problem"
)

//go:embed docs
var docs embed.FS

// readyTimeout bounds one answer of /readyz.
const readyTimeout = 5 * time.Second

func (s *Service) registerPlain() {
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"status":"ok"}` + "\n"))
	})
	s.mux.HandleFunc("GET /readyz", s.ready)
	s.mux.Handle("GET /metrics", s.metrics())
	for path, file := range map[string]string{"/docs": "docs/index.html", "/docs/docs.js": "docs/docs.js", "/docs/docs.css": "docs/docs.css"} {
		s.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-cache")
			http.ServeFileFS(w, r, docs, file)
		})
	}
}

// ready asks every check at once and names those that fail.
func (s *Service) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	failed := make([]error, len(s.opts.Ready))
	var wg sync.WaitGroup
	for i, c := range s.opts.Ready {
		wg.Go(func() { failed[i] = c.Ask(ctx) })
	}
	wg.Wait()
	answer := struct {
		Status string            `json:"status"`
		Checks map[string]string `json:"checks"`
	}{"ready", map[string]string{}}
	// Errors may name paths and addresses: strangers learn only what is not well.
	who, _ := access.From(r.Context())
	known := s.fromHere(r) || who.Has(access.Read)
	var bad []string
	for i, c := range s.opts.Ready {
		answer.Checks[c.Name] = "ok"
		switch {
		case failed[i] != nil && c.Elsewhere:
			answer.Checks[c.Name] = "missing"
			if known {
				answer.Checks[c.Name] = failed[i].Error()
			}
		case failed[i] != nil && known:
			bad = append(bad, c.Name+": "+failed[i].Error())
		case failed[i] != nil:
			bad = append(bad, c.Name)
		}
	}
	if len(bad) > 0 {
		problem.Write(w, http.StatusServiceUnavailable, "not ready: "+strings.Join(bad, "; "))
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// metrics is open to programs on this machine and else needs the scope read.
func (s *Service) metrics() http.Handler {
	h := promhttp.HandlerFor(s.opts.Metrics, promhttp.HandlerOpts{Registry: s.opts.Metrics})
	closed := Require(access.Read, h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.fromHere(r) {
			h.ServeHTTP(w, r)
			return
		}
		closed.ServeHTTP(w, r)
	})
}

// remoteHost is the address of the other end, for limits and logs. Behind a
// reverse proxy it is the proxy's: headers can be made up by anybody.
func remoteHost(r *http.Request) string {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return ap.Addr().String()
}

// Document gives the OpenAPI 3.1 document of an API, as JSON with indentation
// and in a stable order, so that it can be committed and compared.
func Document(api huma.API) ([]byte, error) {
	raw, err := json.Marshal(api.OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	return append(out, '\n'), nil
}
