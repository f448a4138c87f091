package anomaly

import (
	"math"

	"github.com/wattwerk/wattwerk/regression"
)

// A ring holds the last values.
type ring struct {
	values []float64
	at     int
	most   int
	middle float64 // their median, if current
	fresh  bool
}

func (r *ring) add(v float64) {
	if v != v {
		return
	}
	r.fresh = false
	if len(r.values) < r.most {
		r.values = append(r.values, v)
		return
	}
	r.values[r.at] = v
	r.at = (r.at + 1) % r.most
}

func (r *ring) median() float64 {
	if !r.fresh {
		r.middle, r.fresh = regression.Median(r.values), true
	}
	return r.middle
}

// scale is the robust standard deviation around 0; NaN of few.
func (r *ring) scale() float64 {
	if len(r.values) < 7 {
		return math.NaN()
	}
	abs := make([]float64, len(r.values))
	for i, v := range r.values {
		abs[i] = math.Abs(v)
	}
	return 1.4826 * regression.Median(abs)
}

// weekly keeps the highest value of each of the last weeks.
type weekly struct {
	high  [weeks]float64
	known [weeks]bool
	at    int
}

func (w *weekly) next() {
	w.at = (w.at + 1) % weeks
	w.known[w.at] = false
}

func (w *weekly) add(v float64) {
	if !w.known[w.at] || v > w.high[w.at] {
		w.high[w.at], w.known[w.at] = v, true
	}
}

func (w *weekly) highest() float64 {
	out := math.Inf(-1)
	for i, v := range w.high {
		if w.known[i] {
			out = max(out, v)
		}
	}
	return out
}
