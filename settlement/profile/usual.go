package profile

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// Parameters of what is usual.
const (
	LeastWeeks    = 4      // weeks that must be known
	leastComplete = 0.8    // part of a quarter that must have been measured for it to count
	leastSpread   = 0.05   // the spread, as a part of the median, at least: what hardly varies is not watched more closely
	normal        = 1.4826 // median absolute deviations in a standard deviation
)

const (
	quarter  record.Millis = window.QuarterLength
	quarters               = 4 // in an hour
)

// Usual is what is usual at an hour of the week.
type Usual struct {
	Median float64 // NaN: too little is known
	Spread float64 // usual distance from it, in the same unit; NaN when the median is
	Weeks  int     // in which something was known
}

// Score is how many spreads a demand is above what is usual, or below: then it
// is negative. NaN when one of them is not known; infinite when there was never
// any other demand.
func (u Usual) Score(demand float64) float64 {
	if demand == u.Median {
		return 0
	}
	return (demand - u.Median) / u.Spread
}

// demandOf is the demand of a row; NaN when too little of it is known.
func demandOf(r *ledger.Row) float64 {
	if r == nil || !r.Known || r.Completeness() < leastComplete {
		return math.NaN()
	}
	return r.Amount.Float64() * quarters
}

// hours gives the same hour of the week as that of a time, in so many weeks
// before, by the clock of the zone. An hour that a clock skipped is left out.
func hours(c window.Calendar, at record.Millis, weeks int) []window.Span {
	t := at.Time().In(c.Zone())
	year, month, day := t.Date()
	var out []window.Span
	for k := 1; k <= weeks; k++ {
		before := time.Date(year, month, day-7*k, t.Hour(), 0, 0, 0, c.Zone())
		if before.Hour() == t.Hour() {
			out = append(out, c.Span(window.Hour, record.MillisOf(before)))
		}
	}
	return out
}

// usual computes what is usual in some hours; row gives the quarter that begins
// at a time.
func usual(hours []window.Span, row func(record.Millis) *ledger.Row) Usual {
	var u Usual
	var all []float64
	for _, h := range hours {
		n := len(all)
		for at := h.From; at < h.To; at += quarter {
			if d := demandOf(row(at)); !math.IsNaN(d) {
				all = append(all, d)
			}
		}
		if len(all) > n {
			u.Weeks++
		}
	}
	if u.Weeks < LeastWeeks {
		u.Median, u.Spread = math.NaN(), math.NaN()
		return u
	}
	u.Median = median(all)
	for i, v := range all {
		all[i] = math.Abs(v - u.Median)
	}
	u.Spread = max(normal*median(all), leastSpread*math.Abs(u.Median))
	return u
}

// median puts the values in order.
func median(all []float64) float64 {
	slices.Sort(all)
	n := len(all)
	if n%2 == 1 {
		return all[n/2]
	}
	return all[n/2-1]/2 + all[n/2]/2
}

// Deviation is how a quarter of an hour compares with what is usual.
type Deviation struct {
	window.Span
	Demand float64 // NaN: too little of it is known
	Usual
}

// index finds rows by their begin.
func index(rows []ledger.Row) func(record.Millis) *ledger.Row {
	at := make(map[record.Millis]int, len(rows))
	for i := range rows {
		at[rows[i].Start] = i
	}
	return func(t record.Millis) *ledger.Row {
		if i, ok := at[t]; ok {
			return &rows[i]
		}
		return nil
	}
}

// Span compares all quarters that begin in a span.
func Span(ctx context.Context, store *ledger.Store, p ledger.Point, c window.Calendar, from, to record.Millis, weeks int) ([]Deviation, error) {
	ids, err := store.IDs(ctx, []ledger.Point{p}, false)
	if err != nil {
		return nil, err
	}
	first := hours(c, from, weeks)
	begin := from
	for _, h := range first {
		begin = min(begin, h.From)
	}
	rows, err := store.Rows(ctx, nil, ledger.Quarters, ids[0], begin-24*quarters*quarter, to)
	if err != nil {
		return nil, err
	}
	find := index(rows)
	var out []Deviation
	var hour window.Span
	var here Usual
	for at := (from + quarter - 1) / quarter * quarter; at < to; at += quarter {
		if h := c.Span(window.Hour, at); h != hour {
			hour, here = h, usual(hours(c, at, weeks), find)
		}
		out = append(out, Deviation{window.Span{From: at, To: at + quarter}, demandOf(find(at)), here})
	}
	return out, nil
}
