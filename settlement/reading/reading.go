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
	held := want.From // what ends after it has its last value hold into the span
	if !rules.Counter && slices.ContainsFunc(d.Corrections, func(c energy.Correction) bool {
		return c.Method == energy.Interpolate && c.To <= want.From && (rules.MaxAge < 0 || c.To+record.Millis(rules.MaxAge) > want.From)
	}) {
		least := record.MinTime
		if rules.MaxAge >= 0 {
			least = max(least, want.From-record.Millis(rules.MaxAge))
		}
		s := d.seek(from, id, rules)
		last, err := s.last(ctx, least, want.From)
		if err != nil {
			return nil, err
		}
		held = last
	}
	for _, c := range d.Corrections {
		if c.Method == energy.Interpolate && c.From < want.To && c.To > held {
			at.From, at.To, reach = min(at.From, c.From), max(at.To, c.To), -1
		}
	}
	for m := n; ; m *= 4 {
		rs, err := around(ctx, from, id, at.From, at.To, m, reach, rules.Interval)
		if err != nil || len(d.Corrections)+len(d.Overrides) == 0 {
			return rs, err
		}
		left := d.left(rs)
		before, after := func(t record.Millis) bool { return t < at.From }, func(t record.Millis) bool { return t >= at.To }
		enough := func(side func(record.Millis) bool) bool {
			return count(rs, side) < m || count(left, side) >= n
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

// left are the readings that have a value and that nobody has set aside.
func (d *Decisions) left(rs []energy.Reading) []energy.Reading {
	aside, ignored := d.aside(), d.ignored()
	out := make([]energy.Reading, 0, len(rs))
	for _, r := range rs {
		for len(aside) > 0 && aside[0].To <= r.Time {
			aside = aside[1:]
		}
		if r.Value == r.Value && !ignored[r.Time] && (len(aside) == 0 || r.Time < aside[0].From) {
			out = append(out, r)
		}
	}
	return out
}

// aside is the time of which corrections set readings aside, or some of them, in order.
func (d *Decisions) aside() []window.Span {
	all := make([]window.Span, 0, len(d.Corrections))
	for _, c := range d.Corrections {
		if c.From < c.To {
			all = append(all, window.Span{From: c.From, To: c.To})
		}
	}
	slices.SortFunc(all, func(a, b window.Span) int { return cmp.Compare(a.From, b.From) })
	out := all[:0]
	for _, x := range all {
		if n := len(out); n > 0 && x.From <= out[n-1].To {
			out[n-1].To = max(out[n-1].To, x.To)
		} else {
			out = append(out, x)
		}
	}
	return out
}

func (d *Decisions) ignored() map[record.Millis]bool {
	out := make(map[record.Millis]bool)
	for _, o := range d.Overrides {
		if o.Kind == energy.Ignore {
			out[o.Time] = true
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

// Affected gives the span whose windows may say something else because of
// readings, or decisions, in a span.
func Affected(ctx context.Context, from Source, id record.SensorID, want window.Span, rules energy.Rules, d Decisions) (window.Span, error) {
	var err error
	if rules.Counter {
		rs, err := Gather(ctx, from, id, want, rules, d)
		if err != nil {
			return want, err
		}
		n, _ := Surroundings(rules)
		want.From, want.To = d.widen(rs, want.From, want.To, n)
	} else if want, err = d.stretch(ctx, d.seek(from, id, rules), want, rules.MaxAge); err != nil {
		return want, err
	}
	return window.Span{From: want.From / quarter * quarter, To: upQuarter(want.To)}, nil
}

// widen is Affected of a counter: until the nth value on each side that is
// certain to count.
func (d *Decisions) widen(rs []energy.Reading, begin, end record.Millis, n int) (from, to record.Millis) {
	from, to = begin, end
	var times []record.Millis
	for _, r := range d.left(rs) {
		times = append(times, r.Time)
	}
	// Of what was put in something may be set aside again.
	var put []record.Millis
	for _, c := range d.Corrections {
		switch {
		case c.Method != energy.Replace:
		case len(c.Points) == 0:
			put = append(put, c.From)
		default:
			for _, p := range c.Points {
				put = append(put, p.Time)
			}
		}
	}
	slices.Sort(put)
	var begins, ends []record.Millis
	for _, c := range d.Corrections {
		begins, ends = append(begins, c.From), append(ends, c.To)
	}
	slices.Sort(begins)
	slices.Sort(ends)
	ignored := d.ignored()
	for _, t := range put {
		begun, _ := slices.BinarySearch(begins, t+1)
		ended, _ := slices.BinarySearch(ends, t+1)
		if begun-ended == 1 && !ignored[t] {
			times = append(times, t)
		}
	}
	slices.Sort(times)
	i, _ := slices.BinarySearch(times, begin)
	j, _ := slices.BinarySearch(times, end)
	if i >= n {
		from = min(from, times[i-n])
	} else if put = append(put, times...); len(put) > 0 {
		from = min(from, slices.Min(put))
	}
	if j+n <= len(times) {
		to = max(to, times[j+n-1])
	} else if put = append(put, times...); len(put) > 0 {
		to = max(to, slices.Max(put)+1)
	}
	return from, to
}

// stretch is Affected of a gauge. A reading says nothing of the time before it,
// and holds until the next; but a line between the values beside a range is
// another one throughout when one of them is, and so may be a line beside that.
func (d *Decisions) stretch(ctx context.Context, s *seeker, want window.Span, age int64) (window.Span, error) {
	for {
		var before, after []energy.Correction
		for _, c := range d.Corrections {
			switch {
			case c.Method != energy.Interpolate || c.From >= want.From && c.To <= want.To:
			case c.From >= want.To:
				after = append(after, c)
			case c.To <= want.From:
				before = append(before, c)
			default:
				before, after = append(before, c), append(after, c)
			}
		}
		wide := want
		if len(before) > 0 {
			least := slices.MinFunc(before, func(a, b energy.Correction) int { return cmp.Compare(a.To, b.To) }).To
			last, err := s.last(ctx, min(least, want.From), want.From)
			if err != nil {
				return want, err
			}
			for _, c := range before {
				if c.To > last {
					wide.From, wide.To = min(wide.From, c.From), max(wide.To, c.To)
				}
			}
		}
		if len(after) > 0 {
			most := slices.MaxFunc(after, func(a, b energy.Correction) int { return cmp.Compare(a.From, b.From) }).From
			first, _, err := s.first(ctx, want.To, max(most, want.To))
			if err != nil {
				return want, err
			}
			for _, c := range after {
				if c.From <= first {
					wide.From, wide.To = min(wide.From, c.From), max(wide.To, c.To)
				}
			}
		}
		if wide == want {
			break
		}
		want = wide
	}
	end := record.MaxTime
	if age >= 0 {
		end = min(end, want.To+record.Millis(age))
	}
	first, ok, err := s.first(ctx, want.To, end)
	if want.To = max(want.To, end); ok {
		want.To = first
	}
	return want, err
}

// seeker finds readings that have a value and that nobody has set aside. It does
// not read those of time that is.
type seeker struct {
	from    Source
	id      record.SensorID
	step    record.Millis
	aside   []window.Span
	ignored map[record.Millis]bool
}

func (d *Decisions) seek(from Source, id record.SensorID, rules energy.Rules) *seeker {
	return &seeker{from: from, id: id, step: record.Millis(max(rules.Interval, 60_000)) * 8, aside: d.aside(), ignored: d.ignored()}
}

// counts tells whether a reading outside of what is set aside has a value.
func (s *seeker) counts(t int64, v float64) bool { return v == v && !s.ignored[record.Millis(t)] }

// first gives the time of the first one in a span; the end of the span when
// there is none.
func (s *seeker) first(ctx context.Context, from, to record.Millis) (at record.Millis, ok bool, err error) {
	oldest, newest := s.from.Extent()
	at, step, last := max(from, oldest), s.step, min(to, newest+1)
	for at < last {
		i, _ := slices.BinarySearchFunc(s.aside, at, func(x window.Span, t record.Millis) int { return cmp.Compare(x.To-1, t) })
		end := min(last, at+step)
		if i < len(s.aside) {
			if s.aside[i].From <= at {
				at = s.aside[i].To
				continue
			}
			end = min(end, s.aside[i].From)
		}
		err := s.from.Scan(ctx, s.id, at, end-1, func(ts []int64, vs []float64) error {
			for k, t := range ts {
				if s.counts(t, vs[k]) {
					at, ok = record.Millis(t), true
					return errEnough
				}
			}
			return nil
		})
		if ok {
			return at, true, nil
		}
		if err != nil {
			return to, false, err
		}
		at, step = end, step*4
	}
	return to, false, nil
}

// last gives the time of the last one in a span; the millisecond before the span
// when there is none.
func (s *seeker) last(ctx context.Context, from, to record.Millis) (at record.Millis, err error) {
	ok := false
	oldest, newest := s.from.Extent()
	end, step, least := min(to, newest+1), s.step, max(from, oldest)
	for end > least {
		i, _ := slices.BinarySearchFunc(s.aside, end, func(x window.Span, t record.Millis) int { return cmp.Compare(x.From, t) })
		begin := max(least, end-step)
		if i > 0 {
			if s.aside[i-1].To >= end {
				end = s.aside[i-1].From
				continue
			}
			begin = max(begin, s.aside[i-1].To)
		}
		err := s.from.Scan(ctx, s.id, begin, end-1, func(ts []int64, vs []float64) error {
			for k, t := range ts {
				if s.counts(t, vs[k]) {
					at, ok = record.Millis(t), true
				}
			}
			return nil
		})
		if ok || err != nil {
			return at, err
		}
		end, step = begin, step*4
	}
	return from - 1, nil
}
