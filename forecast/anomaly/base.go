package anomaly

import (
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/regression"
	"github.com/wattwerk/wattwerk/window"
)

// A Base follows what a place takes at its quietest hours, day by day: there a
// refrigerator that does not switch off any more is seen in a home, whose single
// hours may be anything. It adds up by how much the days are above or below the last
// four weeks (CUSUM), so that a little for long counts like much for days. It is for one
// goroutine at a time.
type Base struct {
	o        Options
	day      window.Span
	values   []float64
	days     ring
	up, down float64
	wrong    int
}

const (
	// quietest is the share of a day that is its base.
	quietest = 0.25
	// slack is by how many robust standard deviations a day may be off for nothing,
	slack = 0.75
	// drifted is what the rest adds up to when it is an alarm,
	drifted = 8
	// and atMost what one day adds: one alone is none.
	atMost = 3
	// steadiest is the least of a standard deviation, as a share of the base.
	steadiest = 0.03
	// baseDays is how many days are compared with, and fewestDays how many are enough.
	baseDays   = 28
	fewestDays = 14
)

// NewBase makes one that knows nothing yet.
func NewBase(o Options) (*Base, error) {
	if _, err := New(o); err != nil {
		return nil, err
	}
	return &Base{o: o, days: ring{most: baseDays}}, nil
}

// A Day is what is thought of the base of a day.
type Day struct {
	Day   window.Span
	Base  float64 // mean of the quietest quarter of its values
	Usual float64 // median of the days before; NaN of fewer than 14
	Drift int     // 1 if days are higher now, -1 if lower, 0 if nothing is wrong
}

// Add takes in the value of the interval that begins at t. When that is on another
// day, it says what there is to say of the one before; of a day of which less
// than three quarters are known there is nothing.
func (b *Base) Add(t record.Millis, v float64) (d Day, over bool) {
	if !b.day.Holds(t) {
		d, over = b.close()
		b.day, b.values = b.o.Calendar.Span(window.Day, t), b.values[:0]
	}
	if v-v == 0 {
		b.values = append(b.values, v)
	}
	return d, over
}

func (b *Base) close() (Day, bool) {
	n := len(b.values)
	if n == 0 || int64(n)*b.o.Step*4 < b.day.Length()*3 {
		return Day{}, false
	}
	slices.Sort(b.values)
	d := Day{Day: b.day, Base: regression.Mean(b.values[:max(int(float64(n)*quietest), 1)]), Usual: math.NaN()}
	if len(b.days.values) >= fewestDays {
		median, mad := regression.MAD(b.days.values)
		d.Usual = median
		if scale := max(1.4826*mad, steadiest*math.Abs(median)); scale > 0 {
			z := min(max((d.Base-median)/scale, -atMost), atMost)
			b.up, b.down = max(b.up+z-slack, 0), max(b.down-z-slack, 0)
		}
		switch {
		case b.up > drifted:
			d.Drift = 1
		case b.down > drifted:
			d.Drift = -1
		}
	}
	b.up, b.down = min(b.up, drifted+atMost), min(b.down, drifted+atMost)
	if d.Drift == 0 {
		b.wrong = 0
	} else if b.wrong++; b.wrong < baseDays {
		return d, true // not learnt, unless it stays
	}
	b.days.add(d.Base)
	return d, true
}
