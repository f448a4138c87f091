package substitute

import (
	"math"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// Day is what a day is here: 24 hours. Where clocks are changed the same hour of
// two days is an hour off for as long as a mean looks back.
const Day record.Millis = 24 * 60 * 60 * 1000

const hour = Day / 24

// Series are values on a regular grid: cell i begins at From + i·Step and holds
// one value, NaN where it is not known. For counters the values are amounts per
// cell, not readings.
type Series struct {
	From   record.Millis // a multiple of Step
	Step   record.Millis // divides a day
	Values []float64
}

// At gives the value of the cell that begins at t, if it is known.
func (s Series) At(t record.Millis) (float64, bool) {
	d := t - s.From
	if d < 0 || s.Step <= 0 {
		return 0, false
	}
	i := int64(d / s.Step)
	if i >= int64(len(s.Values)) || d != record.Millis(i)*s.Step {
		return 0, false
	}
	v := s.Values[i]
	return v, v == v
}

// End is when the last cell ends.
func (s Series) End() record.Millis { return s.From + record.Millis(len(s.Values))*s.Step }

// Lookup gives the value of an object's cell that begins at t, in the object's
// own unit, and whether it was measured: a value that was itself put in for
// another must not be given.
type Lookup func(o object.ID, t record.Millis) (float64, bool)

// on lays a series on the grid of another: same step, n cells from from on, NaN
// where it has none. It is false when their grids do not meet.
func (s Series) on(from, step record.Millis, n int, scale, shift float64) ([]float64, bool) {
	if s.Step != step || (s.From-from)%step != 0 {
		return nil, false
	}
	off := int((from - s.From) / step)
	if off == 0 && len(s.Values) == n && scale == 1 && shift == 0 {
		return s.Values, true
	}
	out := make([]float64, n)
	for i := range out {
		if j := i + off; j >= 0 && j < len(s.Values) {
			out[i] = linear(s.Values[j], scale, shift)
		} else {
			out[i] = math.NaN()
		}
	}
	return out, true
}

// last cuts a series to its last n cells.
func (s Series) last(n int) Series {
	if over := len(s.Values) - n; over > 0 {
		return Series{From: s.From + record.Millis(over)*s.Step, Step: s.Step, Values: s.Values[over:]}
	}
	return s
}
