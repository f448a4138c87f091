package town

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"

	"github.com/wattwerk/wattwerk/microservice/plan"
)

// Microservices answers GET ?n=N with the plan of the n-th request, or with 503 and
// why the service is not available.
func (w *Town) Microservices() http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Query().Get("n"))
		if err != nil || n < 0 {
			http.Error(rw, "n is no number", http.StatusBadRequest)
			return
		}
		p, err := w.Discover(n)
		answer(rw, p, err)
	})
}

// Monolith answers the same requests as a monolith of the same parts would: one at
// a time, and only when every object that the service needs is there itself.
func (w *Town) Monolith() http.Handler {
	var one sync.Mutex
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Query().Get("n"))
		if err != nil || n < 0 {
			http.Error(rw, "n is no number", http.StatusBadRequest)
			return
		}
		one.Lock()
		defer one.Unlock()
		p, err := w.Discover(n)
		if err == nil && !w.series(p) {
			err = &plan.NotAvailable{}
			p = nil
		}
		answer(rw, p, err)
	})
}

// series is whether every object of a plan is there itself.
func (w *Town) series(p *plan.Plan) bool {
	for _, s := range p.Steps {
		for _, c := range s.Composites {
			for _, m := range c.Members {
				o, ok := w.World.Object(m)
				if !ok || w.values[o.Index].Share == 0 {
					return false
				}
			}
		}
	}
	return true
}

// answer writes what came of a request.
func answer(rw http.ResponseWriter, p *plan.Plan, err error) {
	rw.Header().Set("Content-Type", "application/json")
	var body any = p
	var no *plan.NotAvailable
	switch {
	case errors.As(err, &no):
		rw.Header().Set("Content-Type", "application/problem+json")
		rw.WriteHeader(http.StatusServiceUnavailable)
		body = no
	case err != nil:
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(rw).Encode(body) // who asked is gone, then
}
