package titan

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// resolution is a length of windows. Titan has the first two, and counts them
// from 1970 UTC; its page knows the names of the others, which follow the
// calendar of the site.
type resolution struct {
	name   string
	length record.Millis // 0: of the calendar
	size   window.Size
}

var allResolutions = []resolution{
	{name: "minutely", length: 60_000},
	{name: "hourly", length: 3_600_000},
	{name: "daily", size: window.Day},
	{name: "monthly", size: window.Month},
}

func resolutions() []byte {
	var all []string
	for _, r := range allResolutions {
		all = append(all, r.name)
	}
	return names(all)
}

func resolutionOf(name string) (resolution, bool) {
	i := slices.IndexFunc(allResolutions, func(r resolution) bool { return r.name == name })
	if i < 0 {
		return resolution{}, false
	}
	return allResolutions[i], true
}

// around is the window a time is in.
func (r resolution) around(c window.Calendar, t record.Millis) window.Span {
	if r.length == 0 {
		return c.Span(r.size, t)
	}
	from := t - t%r.length
	return window.Span{From: from, To: from + r.length}
}

// moments are what is told of the values of a window. They are added up in the
// way of Welford, so that no digits are lost where values are large and vary
// little.
type moments struct {
	window.Span
	n                        int64
	mean, squares, low, high float64
}

func (m *moments) add(v float64) {
	if m.n++; m.n == 1 {
		m.low, m.high = v, v
	}
	d := v - m.mean
	m.mean += d / float64(m.n)
	m.squares += d * (v - m.mean)
	m.low, m.high = min(m.low, v), max(m.high, v)
}

func (m *moments) variance() float64 { return math.Max(0, m.squares/float64(m.n)) }

// windows hands the windows that begin in a span and have a value to f, in order
// of time.
func windows(ctx context.Context, all scan, c window.Calendar, res resolution, at during, f func(*moments) error) error {
	at.from, at.to = max(at.from, record.MinTime), min(at.to, record.MaxTime)
	if at.from > at.to {
		return nil
	}
	begin := res.around(c, at.from)
	if begin.From < at.from {
		begin = res.around(c, begin.To)
	}
	if begin.From > at.to {
		return nil
	}
	var m moments
	flush := func() error {
		if m.n == 0 {
			return nil
		}
		return f(&m)
	}
	end := min(res.around(c, at.to).To-1, record.MaxTime)
	err := present(all)(ctx, during{begin.From, end}, func(ts []int64, vs []float64) error {
		for i, t := range ts {
			if record.Millis(t) >= m.To {
				if err := flush(); err != nil {
					return err
				}
				m = moments{Span: res.around(c, record.Millis(t))}
			}
			m.add(vs[i])
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// windowed is the table of windows of a sensor or group.
func (h *history) windowed(m *model.Model, id string, res resolution) table {
	s, ok := h.o.either(m, id)
	if !ok {
		return empty
	}
	c, err := window.Load(zone(m, s))
	if err != nil {
		c = window.In(time.UTC) // the model has zones that are known
	}
	all := h.values(s)
	return table{
		func(ctx context.Context, at during, f func([]int64, []float64) error) error {
			return windows(ctx, all, c, res, at, func(m *moments) error {
				return f([]int64{int64(m.From)}, []float64{m.mean})
			})
		},
		func(ctx context.Context, at during, f func(func(*list)) error) error {
			return windows(ctx, all, c, res, at, func(m *moments) error {
				return f(func(l *list) {
					l.object(id)
					l.integer("startTimestamp", int64(m.From))
					l.integer("endTimestamp", int64(m.To))
					l.integer("count", m.n)
					l.double("mean", m.mean)
					l.double("populationVariance", m.variance())
					l.double("min", m.low)
					l.double("max", m.high)
					l.end()
				})
			})
		},
	}
}
