package demand

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/wattwerk/wattwerk/forecast"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// heldTicks is how many ticks the value of a group holds; a missing one is not
// yet a gap.
const heldTicks = 3

// tickDelay is how far the newest tick of a group may be behind the clock while
// all is well: ticks wait for readings that are on their way, for the slowest
// partition, and to be written. Until then its value still holds.
const tickDelay = 20 * time.Second

// mostSamples bounds what is read for a running quarter.
const mostSamples = 5_000_000

var errMany = errors.New("too many readings in a quarter of an hour")

// running gives the running quarter of a subject as it looks now, and when the
// last value was measured, 0 when none was found.
func (s *Service) running(ctx context.Context, x *subject, f ledger.Flow) (v forecast.View, last record.Millis, err error) {
	now := record.MillisOf(s.opts.Now())
	size, trend := forecast.Window.Milliseconds(), forecast.Trend.Milliseconds()
	d := forecast.Running{Size: size, Trend: trend, MaxAge: x.age(s.opts.Catalog.State().Model)}
	reach := trend // before the quarter
	if d.MaxAge > 0 {
		reach = max(reach, d.MaxAge)
	} else {
		reach = max(reach, time.Hour.Milliseconds())
	}
	add := func(t record.Millis, v float64) {
		if last = t; f == ledger.Export {
			v = -v
		}
		d.Add(t, v)
	}
	finish := func() {}
	if x.sensor != nil && x.sensor.Kind == model.Counter {
		add, finish = rises(add)
		reach *= 2 // a rise needs the reading before
	}
	n := 0
	err = s.opts.Live.Scan(ctx, x.Point, now/quarter*quarter-record.Millis(reach), now, func(ts []int64, vs []float64) error {
		if n += len(ts); n > mostSamples {
			return errMany
		}
		for i, t := range ts {
			add(record.Millis(t), vs[i])
		}
		return nil
	})
	finish()
	if late := int64(now - last); x.sensor == nil && d.MaxAge > 0 && last > 0 && late <= tickDelay.Milliseconds() {
		d.MaxAge = max(d.MaxAge, late)
	}
	return d.At(now), last, err
}

// age is how long a value holds, in ms; 0 without limit.
func (x *subject) age(m *model.Model) int64 {
	if x.sensor != nil {
		return max(x.sensor.Age(), 0)
	}
	tick := time.Duration(model.DefaultTick)
	if l := m.Layout(model.HierarchyID(x.Hierarchy)); l != nil {
		tick = l.Tick
	}
	return heldTicks * tick.Milliseconds()
}

// rises turns the readings of a counter into what it rises by per hour, from one
// reading to the next. After the last, which finish adds, it goes on as before
// it. Where it falls it is not known.
func rises(to func(record.Millis, float64)) (add func(record.Millis, float64), finish func()) {
	var before record.Millis
	value, rate := math.NaN(), math.NaN()
	add = func(t record.Millis, v float64) {
		if t <= before {
			return
		}
		if before > 0 {
			rate = (v - value) / float64(t-before) * float64(time.Hour.Milliseconds())
			if !(rate >= 0) {
				rate = math.NaN()
			}
			to(before, rate)
		}
		before, value = t, v
	}
	return add, func() {
		if before > 0 {
			to(before, rate)
		}
	}
}
