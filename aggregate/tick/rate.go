package tick

import (
	"slices"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// rating says how the rise between two readings of a counter is understood.
type rating struct {
	tolerance float64         // by how much it may step back
	most      float64         // what it can rise by in an hour; 0: not known
	swaps     []record.Millis // when another device took over
}

func ratingOf(s *model.Sensor) *rating {
	r := new(rating)
	if c := s.Register; c != nil {
		if c.Tolerance != nil {
			r.tolerance = *c.Tolerance
		}
		if c.MaxRate != nil {
			r.most = *c.MaxRate
		}
	}
	for i, d := range s.Devices {
		if i > 0 {
			r.swaps = append(r.swaps, record.MillisOf(d.From))
		}
	}
	return r
}

func (r *rating) same(o *rating) bool {
	return r.tolerance == o.tolerance && r.most == o.most && slices.Equal(r.swaps, o.swaps)
}

const perHour = 3_600_000 // ms

// rate gives what a counter rises by in an hour, by its last two readings. It
// is not known where they are further apart than a reading counts, where the
// counter fell or rose by more than it can, and over a swap of the device: what
// that means is found in settled windows, where readings after it are known.
func (r *rating) rate(before, last reading, maxAge int64) (v float64, known bool) {
	ms := int64(last.at - before.at)
	if before.at == never || ms > maxAge {
		return 0, false
	}
	for _, at := range r.swaps {
		if at > before.at && at <= last.at {
			return 0, false
		}
	}
	rise := last.value - before.value
	if rise < -r.tolerance || r.most > 0 && (rise-r.tolerance)*perHour > r.most*float64(ms) {
		return 0, false
	}
	v = rise*perHour/float64(ms) + 0 // no -0
	return v, v >= -record.MaxValue && v <= record.MaxValue
}

// keep takes a reading among the last two of a sensor, if it is newer than
// either. Of several for the same time the first stays.
func keep(last, before *reading, t record.Millis, v float64) {
	switch { // +0 turns -0 into 0
	case t > last.at:
		*before = *last
		last.at, last.value = t, v+0
	case t < last.at && t > before.at:
		before.at, before.value = t, v+0
	}
}
