package reading

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// Source is where raw readings are read from.
type Source interface {
	// Scan hands the readings of a sensor from from to to, both inclusive, to f
	// in order of time, many at once; NaN is null. What f is handed is valid
	// until it returns. An error of f ends the scan and is returned.
	Scan(ctx context.Context, sensor record.SensorID, from, to record.Millis, f func(times []int64, values []float64) error) error
	// Extent gives the times of the oldest and the newest reading of all; 0 when
	// there is none.
	Extent() (oldest, newest record.Millis)
}

// Rules says how the readings of a sensor are to be understood.
func Rules(s *model.Sensor) energy.Rules {
	r := energy.Rules{Counter: s.Kind == model.Counter, Interval: int64(s.Interval) / 1e6, MaxAge: s.Age()}
	if r.Interval <= 0 {
		r.Interval = int64(model.DefaultInterval) / 1e6
	}
	_, r.Integral = s.Quantity.Integral()
	if c := s.Register; c != nil {
		r.Width, r.Tolerance, r.MaxRate = value(c.Width), value(c.Tolerance), value(c.MaxRate)
	}
	for i, d := range s.Devices {
		if i == 0 {
			continue
		}
		r.Swaps = append(r.Swaps, energy.Swap{At: record.MillisOf(d.From), End: s.Devices[i-1].End, Start: d.Start})
	}
	return r
}

// Same tells whether the readings of both are to be understood in the same way.
func Same(a, b *model.Sensor) bool {
	x, y := Rules(a), Rules(b)
	same := x.Counter == y.Counter && x.Integral == y.Integral && x.Interval == y.Interval && x.MaxAge == y.MaxAge &&
		x.Width == y.Width && x.Tolerance == y.Tolerance && x.MaxRate == y.MaxRate
	return same && a.Quantity == b.Quantity && slices.EqualFunc(x.Swaps, y.Swaps, func(a, b energy.Swap) bool {
		return a.At == b.At && (a.End == nil) == (b.End == nil) && value(a.End) == value(b.End) && (a.Start == nil) == (b.Start == nil) && value(a.Start) == value(b.Start)
	})
}

func value(p *float64) float64 {
	if p == nil {
		return 0
	}
	return *p
}

// Decisions are what people have decided about the readings of a sensor, as
// far as it is in force.
type Decisions struct {
	Corrections []energy.Correction
	Overrides   []energy.Override
	Figures     []Figure // in the order in which they were entered
}

// errEnough ends a scan that has all it needs.
var errEnough = errors.New("enough")

// mostReadings bounds the readings of one sensor in memory.
const mostReadings = 50_000_000

// quarter is the length of the windows that are kept.
const quarter record.Millis = window.QuarterLength

// upQuarter is the first begin of a quarter at or after t.
func upQuarter(t record.Millis) record.Millis { return (t + quarter - 1) / quarter * quarter }

// around reads the readings of a sensor in a span, and so many more on each
// side as their meaning may depend on: n readings, but none further away than
// reach, which is negative when there is no such limit.
func around(ctx context.Context, from Source, id record.SensorID, begin, end record.Millis, n int, reach int64, step int64) ([]energy.Reading, error) {
	var out []energy.Reading
	scan := func(a, b record.Millis) ([]energy.Reading, error) {
		var got []energy.Reading
		err := from.Scan(ctx, id, a, b, func(ts []int64, vs []float64) error {
			if len(got)+len(ts) > mostReadings {
				return errors.New("too many readings at once")
			}
			for i, t := range ts {
				got = append(got, energy.Reading{Time: record.Millis(t), Value: vs[i], Quality: energy.Measured})
			}
			return nil
		})
		return got, err
	}
	oldest, newest := from.Extent()
	least, most := max(oldest, record.MinTime), newest
	if reach >= 0 {
		least, most = max(least, begin-record.Millis(reach)), min(most, end+record.Millis(reach))
	}
	span := record.Millis(max(step, 60_000) * int64(n+1))
	a, b := max(begin-span, least), min(end+span, most)
	if a > b {
		a, b = begin, end
	}
	out, err := scan(min(a, begin), max(b, end-1))
	if err != nil {
		return nil, err
	}
	// Further back, in ever longer steps, until there are enough.
	for have := count(out, func(t record.Millis) bool { return t < begin }); have < n && a > least; {
		span *= 8
		b2 := a - 1
		a = max(a-span, least)
		more, err := scan(a, b2)
		if err != nil {
			return nil, err
		}
		if len(more) > n {
			more = more[len(more)-n:] // what is further away than that does not matter
		}
		have += len(more)
		out = append(more, out...)
	}
	span = record.Millis(max(step, 60_000) * int64(n+1))
	for have := count(out, func(t record.Millis) bool { return t >= end }); have < n && b < most; {
		span *= 8
		a2 := b + 1
		b = min(b+span, most)
		err := from.Scan(ctx, id, a2, b, func(ts []int64, vs []float64) error {
			for i, t := range ts {
				if out = append(out, energy.Reading{Time: record.Millis(t), Value: vs[i], Quality: energy.Measured}); have+1 >= n {
					have++
					return errEnough
				}
				have++
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return nil, err
		}
	}
	return out, nil
}

// Gather reads the readings of a sensor that the values of a span depend on,
// given what people have decided.
func Gather(ctx context.Context, from Source, id record.SensorID, want window.Span, rules energy.Rules, d Decisions) ([]energy.Reading, error) {
	n, reach := Surroundings(rules)
	at := want
	for _, c := range d.Corrections {
		if c.Method == energy.Interpolate && c.From < want.To && c.To > want.From {
			at.From, at.To, reach = min(at.From, c.From), max(at.To, c.To), -1
		}
	}
	for m := n; ; m *= 4 {
		rs, err := around(ctx, from, id, at.From, at.To, m, reach, rules.Interval)
		if err != nil || len(d.Corrections)+len(d.Overrides) == 0 {
			return rs, err
		}
		before, after := func(t record.Millis) bool { return t < at.From }, func(t record.Millis) bool { return t >= at.To }
		enough := func(side func(record.Millis) bool) bool {
			return count(rs, side) < m || count(d.Left(rs), side) >= n
		}
		if enough(before) && enough(after) {
			return rs, nil
		}
	}
}

// Surroundings is how many readings on each side values depend on, and how far away
// they may be; negative: as far as they are.
func Surroundings(rules energy.Rules) (n int, reach int64) {
	if rules.Counter {
		return energy.Context, -1
	}
	return 1, rules.MaxAge
}

// Left are the readings that have a value and that nobody has set aside.
func (d *Decisions) Left(rs []energy.Reading) []energy.Reading {
	out := make([]energy.Reading, 0, len(rs))
	for _, r := range rs {
		aside := r.Value != r.Value
		for _, c := range d.Corrections {
			aside = aside || c.Concerns(r.Time)
		}
		for _, o := range d.Overrides {
			aside = aside || o.Kind == energy.Ignore && o.Time == r.Time
		}
		if !aside {
			out = append(out, r)
		}
	}
	return out
}

func count(rs []energy.Reading, f func(record.Millis) bool) (n int) {
	for i := range rs {
		if f(rs[i].Time) {
			n++
		}
	}
	return n
}

// Widen gives the span whose windows may say something else because of readings
// in a span: until the nth reading on each side, or as far as a reading holds.
func Widen(rs []energy.Reading, begin, end record.Millis, n int, rules energy.Rules) (from, to record.Millis) {
	find := func(t record.Millis) int {
		i, _ := slices.BinarySearchFunc(rs, t, func(r energy.Reading, t record.Millis) int { return cmp.Compare(r.Time, t) })
		return i
	}
	i, j := find(begin), find(end)
	from, to = begin, end
	if !rules.Counter { // a reading says nothing of the time before it, and holds until the next
		switch {
		case j < len(rs) && (rules.MaxAge < 0 || rs[j].Time-end < record.Millis(rules.MaxAge)):
			to = rs[j].Time
		case rules.MaxAge >= 0:
			to = end + record.Millis(rules.MaxAge)
		default:
			to = record.MaxTime
		}
		return from, upQuarter(to)
	}
	if i > 0 {
		from = min(from, rs[max(0, i-n)].Time)
	}
	if len(rs) > j {
		to = max(to, rs[min(len(rs)-1, j+n-1)].Time)
	}
	return from / quarter * quarter, upQuarter(to)
}
