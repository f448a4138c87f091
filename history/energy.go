package history

import (
	"context"
	"errors"
	"math"

	"github.com/wattwerk/wattwerk/exact"
	"github.com/wattwerk/wattwerk/record"
)

const msPerHour = 3_600_000

// errEnough ends a scan that has all it needs.
var errEnough = errors.New("enough")

// integral adds up a power over time under the holding rule: a value holds
// until the next one, and no longer than hold.
type integral struct {
	from, to, hold int64
	last           Sample
	has            bool
	sum            exact.Sum // unit of the series times ms
	covered        int64     // ms
}

func (x *integral) feed(times []int64, values []float64) error {
	for i, t := range times {
		x.until(t)
		x.last, x.has = Sample{record.Millis(t), values[i]}, values[i] == values[i]
	}
	return nil
}

// until closes the open value at t.
func (x *integral) until(t int64) {
	if !x.has {
		return
	}
	begin := max(int64(x.last.Time), x.from)
	end := min(t, x.to)
	if x.last.Time <= record.Millis(x.to) && x.hold < x.to-int64(x.last.Time) {
		end = min(end, int64(x.last.Time)+x.hold)
	}
	if end > begin {
		x.sum.AddProduct(x.last.Value, end-begin)
		x.covered += end - begin
	}
	x.has = false
}

// amount is an energy, or another integral over hours, and how much of the
// asked time is known.
type amount struct {
	value    float64 // unit of the series times h; NaN when nothing is known
	covered  int64   // ms
	resets   int     // of a counter
	readings uint64
}

// integrate gives the integral of a series from from (inclusive) to to
// (exclusive). The value at from is that of the last reading before it, if it
// still holds.
func (s *Service) integrate(ctx context.Context, k Series, from, to record.Millis, r rule) (amount, error) {
	x := &integral{from: int64(from), to: int64(to), hold: r.holds()}
	if before, ok, err := s.lastBefore(ctx, k, from, r.holds()); err != nil {
		return amount{}, err
	} else if ok {
		x.last, x.has = before, !math.IsNaN(before.Value)
	}
	n := uint64(0)
	if err := s.opts.Store.Scan(ctx, k, from, to-1, func(ts []int64, vs []float64) error {
		n += uint64(len(ts))
		return x.feed(ts, vs)
	}); err != nil {
		return amount{}, err
	}
	x.until(int64(to))
	out := amount{value: x.sum.Float64() / msPerHour, covered: x.covered, readings: n}
	if x.covered == 0 {
		out.value = math.NaN()
	}
	return out, nil
}

// lastBefore finds the last sample before t that is no more than back older.
func (s *Service) lastBefore(ctx context.Context, k Series, t record.Millis, back int64) (out Sample, ok bool, err error) {
	oldest := s.opts.Store.Stats().Oldest
	limit := max(oldest, record.MinTime)
	if back < int64(t-limit) {
		limit = t - record.Millis(back)
	}
	end := t - 1
	for span := record.Millis(msPerHour); end >= limit && !ok; span *= 8 {
		begin := max(limit, end-span)
		err = s.opts.Store.Scan(ctx, k, begin, end, func(ts []int64, vs []float64) error {
			n := len(ts) - 1
			out, ok = Sample{record.Millis(ts[n]), vs[n]}, true
			return nil
		})
		if err != nil {
			return Sample{}, false, err
		}
		end = begin - 1
	}
	return out, ok, nil
}

// replacement is a change of the device behind a counter.
type replacement struct {
	at         record.Millis
	end, start float64 // last reading of the old, first of the new device
}

// counting adds up what a counter rose by.
type counting struct {
	from, to int64
	last     Sample
	has      bool
	swaps    []replacement
	sum      exact.Sum
	covered  int64
	resets   int
}

func (x *counting) step(now Sample) {
	if !x.has {
		x.last, x.has = now, true
		return
	}
	from, to := int64(x.last.Time), int64(now.Time)
	rise := now.Value - x.last.Value
	for _, w := range x.swaps {
		if int64(w.at) > from && int64(w.at) <= to {
			rise = (w.end - x.last.Value) + (now.Value - w.start)
		}
	}
	if rise < 0 {
		// It began anew at zero, as counters do that lose their memory.
		x.resets++
		rise = now.Value
	}
	begin, end := max(from, x.from), min(to, x.to)
	switch {
	case end <= begin:
	case begin == from && end == to:
		x.sum.Add(rise)
	default: // a reading before or after the span: the rise is taken as even between the two
		x.sum.Add(rise * float64(end-begin) / float64(to-from))
	}
	x.covered += max(end-begin, 0)
	x.last = now
}

// count gives what a counter rose by from from to to. Where the span does not
// begin or end at a reading, the reading beside it is used when it is no
// farther than the holding time.
func (s *Service) count(ctx context.Context, k Series, from, to record.Millis, r rule, swaps []replacement) (amount, error) {
	x := &counting{from: int64(from), to: int64(to), swaps: swaps}
	if before, ok, err := s.lastBefore(ctx, k, from, r.holds()); err != nil {
		return amount{}, err
	} else if ok && !math.IsNaN(before.Value) {
		x.last, x.has = before, true
	}
	n := uint64(0)
	end := to
	if r.holds() < int64(record.MaxTime-to) {
		end += record.Millis(r.holds())
	}
	err := s.opts.Store.Scan(ctx, k, from, end, func(ts []int64, vs []float64) error {
		for i, t := range ts {
			if t > int64(to) && x.has && int64(x.last.Time) >= int64(to) {
				return errEnough
			}
			if t <= int64(to) {
				n++
			}
			if vs[i] == vs[i] {
				x.step(Sample{record.Millis(t), vs[i]})
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return amount{}, err
	}
	out := amount{value: x.sum.Float64(), covered: x.covered, resets: x.resets, readings: n}
	if x.covered == 0 {
		out.value = math.NaN()
	}
	return out, nil
}
