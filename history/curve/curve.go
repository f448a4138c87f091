// Package curve reduces long series to what can be drawn: buckets of equal width
// with least, mean and greatest value, in one pass.
//
// Guarantees: pure; gaps stay gaps, and null is not zero. A Reducer is owned by
// one goroutine. Times are UTC milliseconds. It imports record; package history
// alone imports it.
package curve

import (
	"math"

	"github.com/wattwerk/wattwerk/record"
)

type sample struct {
	time  int64
	value float64
}

// Points is a reduced series: columns of buckets, or of single samples when
// there are no more of them than buckets were asked for. A row with count 0
// is null: from its time on there is no value until the next row.
type Points struct {
	T             []int64
	Min, Avg, Max []float64
	Count         []uint32
}

func (p *Points) add(t int64, lo, avg, hi float64, n uint32) {
	p.T, p.Min, p.Avg, p.Max, p.Count = append(p.T, t), append(p.Min, lo), append(p.Avg, avg), append(p.Max, hi), append(p.Count, n)
}

func (p *Points) null(t int64) { p.add(t, math.NaN(), math.NaN(), math.NaN(), 0) }

// Reducer turns samples into at most n buckets of equal width, in one pass.
type Reducer struct {
	from, width int64
	n           int
	hold        int64

	few    []sample // all samples, as long as there are no more than n
	many   bool
	out    Points
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

// NewReducer makes one for a span, both ends included, in which a value holds for
// hold ms at most.
func NewReducer(from, to record.Millis, n int, hold int64) *Reducer {
	width := (int64(to-from) + int64(n)) / int64(n) // rounded up; to is inclusive
	return &Reducer{from: int64(from), width: max(width, 1), n: n, hold: hold, bucket: int64(from), end: int64(from) + max(width, 1), lo: math.Inf(1), hi: math.Inf(-1), last: noSample}
}

const noSample = math.MinInt64

// Feed takes samples in order of time; NaN is null.
func (r *Reducer) Feed(times []int64, values []float64) {
	for i, t := range times {
		v := values[i]
		if !r.many {
			if len(r.few) < r.n {
				r.few = append(r.few, sample{t, v})
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
func (r *Reducer) cut(t int64) {
	r.close()
	next := r.from + (t-r.from)/r.width*r.width
	if gap := r.last == noSample || r.ended || t-r.last > r.hold; gap && next > r.end && len(r.out.T) > 0 {
		r.out.null(r.end)
	}
	r.bucket, r.end = next, next+r.width
}

func (r *Reducer) close() {
	if r.count > 0 {
		r.out.add(r.bucket, r.lo, r.sum/float64(r.count), r.hi, r.count)
	}
	r.sum, r.count, r.lo, r.hi = 0, 0, math.Inf(1), math.Inf(-1)
}

// Width is the width of a bucket in ms.
func (r *Reducer) Width() int64 { return r.width }

// Finish gives the points. With guess, a value that is given as it is holds for
// three times the mean distance.
func (r *Reducer) Finish(guess bool) Points {
	if r.many {
		r.close()
		return r.out
	}
	hold := r.hold
	if guess && r.seen > 1 {
		hold = 3 * (r.last - r.first) / int64(r.seen-1)
	}
	var out Points
	for i, x := range r.few {
		if math.IsNaN(x.value) {
			if n := len(out.Count); n > 0 && out.Count[n-1] > 0 {
				out.null(x.time)
			}
			continue
		}
		if n := len(out.Count); n > 0 && out.Count[n-1] > 0 && x.time-r.few[i-1].time > hold {
			out.null(r.few[i-1].time + hold)
		}
		out.add(x.time, x.value, x.value, x.value, 1)
	}
	return out
}
