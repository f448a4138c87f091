package history

import (
	"context"
	"math"

	"github.com/wattwerk/wattwerk/history/curve"
	"github.com/wattwerk/wattwerk/record"
)

// rule says how long a value of a series holds.
type rule struct {
	age int64 // ms; -1: until the next one comes
	// guess: nothing is known of the series; three times its mean distance is taken.
	guess bool
}

// forever is how long an unlimited value is carried when nothing ends it.
const forever = math.MaxInt64 / 4

func (r rule) holds() int64 {
	if r.age < 0 || r.guess {
		return forever
	}
	return r.age
}

// reduce reads a series into at most n points.
func (s *Service) reduce(ctx context.Context, k Series, from, to record.Millis, n int, rl rule) (curve.Points, int64, error) {
	r := curve.NewReducer(from, to, n, rl.holds())
	err := s.opts.Store.Scan(ctx, k, from, to, func(ts []int64, vs []float64) error {
		r.Feed(ts, vs)
		return nil
	})
	return r.Finish(rl.guess), r.Width(), err
}

// moments are sums over the samples of a span that are not null.
type moments struct {
	n        uint64
	sum      float64
	min, max float64
}

func (m *moments) feed(_ []int64, values []float64) error {
	for _, v := range values {
		if v != v {
			continue
		}
		if m.n == 0 || v < m.min {
			m.min = v
		}
		if m.n == 0 || v > m.max {
			m.max = v
		}
		m.sum += v
		m.n++
	}
	return nil
}

func (s *Service) moments(ctx context.Context, k Series, from, to record.Millis) (moments, error) {
	var m moments
	err := s.opts.Store.Scan(ctx, k, from, to, m.feed)
	return m, err
}

// Bin is one bar of a histogram.
type Bin struct {
	Lower    float64 `json:"lower" doc:"Least value of the bar, inclusive"`
	Upper    float64 `json:"upper" doc:"Greatest value of the bar, exclusive except of the last one"`
	Elements uint64  `json:"elements" doc:"Values in it"`
}

// bins prepares n bars of equal width between the extremes; none when there is
// nothing. When all values are equal, they are in the first bar and all bounds
// are that value.
func bins(m moments, n int) []Bin {
	if m.n == 0 {
		return []Bin{}
	}
	out := make([]Bin, n)
	slice := (m.max - m.min) / float64(n)
	at := m.min
	for i := range out {
		out[i].Lower = at
		at += slice
		out[i].Upper = at
	}
	return out
}

func fill(out []Bin, m moments, values []float64) {
	slice := (m.max - m.min) / float64(len(out))
	for _, v := range values {
		// What was stored since the extremes were taken is left out.
		if v != v || v < m.min || v > m.max {
			continue
		}
		i := 0
		if slice > 0 {
			i = min(int((v-m.min)/slice), len(out)-1)
		}
		out[i].Elements++
	}
}

func (s *Service) distribution(ctx context.Context, k Series, from, to record.Millis, n int) ([]Bin, error) {
	m, err := s.moments(ctx, k, from, to)
	if err != nil {
		return nil, err
	}
	out := bins(m, n)
	if len(out) == 0 {
		return out, nil
	}
	err = s.opts.Store.Scan(ctx, k, from, to, func(_ []int64, vs []float64) error {
		fill(out, m, vs)
		return nil
	})
	return out, err
}
