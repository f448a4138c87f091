package history

import (
	"context"
	"math"

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

// points is a reduced series: columns of buckets, or of single samples when
// there are no more of them than buckets were asked for. A row with count 0
// is null: from its time on there is no value until the next row.
type points struct {
	t             []int64
	min, avg, max []float64
	count         []uint32
}

func (p *points) add(t int64, lo, avg, hi float64, n uint32) {
	p.t, p.min, p.avg, p.max, p.count = append(p.t, t), append(p.min, lo), append(p.avg, avg), append(p.max, hi), append(p.count, n)
}

func (p *points) null(t int64) { p.add(t, math.NaN(), math.NaN(), math.NaN(), 0) }

// reducer turns samples into at most n buckets of equal width, in one pass.
type reducer struct {
	from, width int64
	n           int
	hold        int64

	few    []Sample // all samples, as long as there are no more than n
	many   bool
	out    points
	bucket int64 // begin of the open bucket
	end    int64
	sum    float64
	lo, hi float64
	count  uint32
	last   int64 // time of the last sample
	ended  bool  // by a null sample
	seen   uint64
	first  int64
}

func newReducer(from, to record.Millis, n int, r rule) *reducer {
	width := (int64(to-from) + int64(n)) / int64(n) // rounded up; to is inclusive
	return &reducer{from: int64(from), width: max(width, 1), n: n, hold: r.holds(), bucket: int64(from), end: int64(from) + max(width, 1), lo: math.Inf(1), hi: math.Inf(-1), last: noSample}
}

const noSample = math.MinInt64

func (r *reducer) feed(times []int64, values []float64) {
	for i, t := range times {
		v := values[i]
		if !r.many {
			if len(r.few) < r.n {
				r.few = append(r.few, Sample{record.Millis(t), v})
			} else {
				r.many = true
			}
		}
		if v != v { // null
			r.ended = true
			continue
		}
		if r.seen == 0 {
			r.first = t
		}
		r.seen++
		if t >= r.end {
			r.cut(t)
		}
		r.sum += v
		if v < r.lo {
			r.lo = v
		}
		if v > r.hi {
			r.hi = v
		}
		r.count++
		r.last, r.ended = t, false
	}
}

// cut closes the open bucket and opens the one that t is in. When an empty one
// lies between, and the value did not hold that long, a null is put there.
func (r *reducer) cut(t int64) {
	r.close()
	next := r.from + (t-r.from)/r.width*r.width
	if gap := r.last == noSample || r.ended || t-r.last > r.hold; gap && next > r.end && len(r.out.t) > 0 {
		r.out.null(r.end)
	}
	r.bucket, r.end = next, next+r.width
}

func (r *reducer) close() {
	if r.count > 0 {
		r.out.add(r.bucket, r.lo, r.sum/float64(r.count), r.hi, r.count)
	}
	r.sum, r.count, r.lo, r.hi = 0, 0, math.Inf(1), math.Inf(-1)
}

// finish gives the points.
func (r *reducer) finish(guess bool) points {
	if r.many {
		r.close()
		return r.out
	}
	hold := r.hold
	if guess && r.seen > 1 {
		hold = 3 * (r.last - r.first) / int64(r.seen-1)
	}
	var out points
	for i, x := range r.few {
		if math.IsNaN(x.Value) {
			if n := len(out.count); n > 0 && out.count[n-1] > 0 {
				out.null(int64(x.Time))
			}
			continue
		}
		if n := len(out.count); n > 0 && out.count[n-1] > 0 && int64(x.Time-r.few[i-1].Time) > hold {
			out.null(int64(r.few[i-1].Time) + hold)
		}
		out.add(int64(x.Time), x.Value, x.Value, x.Value, 1)
	}
	return out
}

// reduce reads a series into at most n points.
func (s *Service) reduce(ctx context.Context, k Series, from, to record.Millis, n int, rl rule) (points, int64, error) {
	r := newReducer(from, to, n, rl)
	err := s.opts.Store.Scan(ctx, k, from, to, func(ts []int64, vs []float64) error {
		r.feed(ts, vs)
		return nil
	})
	return r.finish(rl.guess), r.width, err
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
