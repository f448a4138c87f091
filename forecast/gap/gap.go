package gap

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// A Series is the energy of intervals that follow one another, in whole units of
// whatever size. What is not known is NaN.
type Series struct {
	Start  record.Millis
	Step   int64 // length of an interval, ms
	Values []float64
}

// A Gap are intervals that are not known: from From to before To.
type Gap struct{ From, To int }

// Len is how many intervals are missing.
func (g Gap) Len() int { return g.To - g.From }

// Gaps finds all gaps of a series.
func (s Series) Gaps() []Gap {
	var out []Gap
	for i, v := range s.Values {
		if v == v {
			continue
		}
		if n := len(out); n > 0 && out[n-1].To == i {
			out[n-1].To++
		} else {
			out = append(out, Gap{i, i + 1})
		}
	}
	return out
}

// A Counter is what an energy counter showed at the beginning and at the end of a
// gap, in the unit of the series.
type Counter struct {
	Before, After int64
	// Most is what an interval can take at most, by the rating of the fuse; 0 is not
	// known. A difference that is more than that in every interval is not believed.
	Most float64
}

// A Method is how a gap was filled.
type Method string

// Methods, from the surest on.
const (
	Counted Method = "counted" // the profile, scaled to what the counter says
	Even    Method = "even"    // what the counter says, evenly: there is no profile
	Line    Method = "line"    // a line from edge to edge
	Shape   Method = "profile" // the profile of the weeks around, moved to the edges
)

// Filled are the values of a gap, and what they are worth.
type Filled struct {
	Gap    Gap
	Values []int64
	Method Method
	// Exact tells that the sum is what a counter says.
	Exact bool
	// Reset tells that the counter showed less after the gap than before it: its
	// difference was not used.
	Reset bool
	// Excess tells that the counter says more than can have passed: its difference was
	// not used.
	Excess bool
}

// Sum is the energy of the gap.
func (f Filled) Sum() (sum int64) {
	for _, v := range f.Values {
		sum += v
	}
	return sum
}

const hour = int64(time.Hour / time.Millisecond)

const (
	// longestLine is the length of a gap up to which a line is better than a profile
	// where there is no counter.
	longestLine = hour
	// around is how many weeks on each side make a profile.
	around = 2
	// level is how much time before and after a gap says how far the profile is off,
	level = 24 * hour
	// and edge how far that is at the edges themselves.
	edge = 2 * hour
	// fading is how many hours it takes until an edge matters half as much.
	fading = 2
	// longest is how long a gap may be, in intervals.
	longest = 1 << 17
)

// ErrNothing says that neither a counter nor anything around the gap is known.
var ErrNothing = errors.New("fill: nothing is known to fill the gap from")

// Fill fills one gap of a series. Without a counter k is nil.
func Fill(s Series, g Gap, k *Counter, c window.Calendar) (Filled, error) {
	if s.Step <= 0 || g.From < 0 || g.To > len(s.Values) || g.Len() <= 0 || g.Len() > longest {
		return Filled{}, fmt.Errorf("fill: intervals %d to %d of %d, of %d ms", g.From, g.To, len(s.Values), s.Step)
	}
	out := Filled{Gap: g}
	if k != nil {
		switch {
		case k.After < k.Before:
			out.Reset = true
		case k.Before < 0 && k.After > math.MaxInt64+k.Before:
			out.Excess = true // the difference is no number
		case k.Most > 0 && float64(k.After-k.Before) > k.Most*float64(g.Len()):
			out.Excess = true
		default:
			out.Exact = true
		}
	}
	shape := s.shape(g, c)
	if out.Exact {
		out.Method = Counted
		if shape == nil {
			out.Method, shape = Even, make([]float64, g.Len())
		}
		out.Values = Share(k.After-k.Before, shape)
		return out, nil
	}
	out.Method = Shape
	if line := s.line(g); line != nil && (shape == nil || int64(g.Len())*s.Step <= longestLine) {
		out.Method, shape = Line, line
	}
	if shape == nil {
		return Filled{}, ErrNothing
	}
	// Rounded so that the sum is that of the shape, rounded.
	sum := 0.0
	for _, v := range shape {
		sum += v
	}
	if sum >= 1<<62 {
		return Filled{}, errors.New("fill: the values are too large")
	}
	out.Values = Share(int64(math.Round(sum)), shape)
	return out, nil
}

// line goes from the value before the gap to that after it; nil without either.
func (s Series) line(g Gap) []float64 {
	a, b := math.NaN(), math.NaN()
	if g.From > 0 {
		a = s.Values[g.From-1]
	}
	if g.To < len(s.Values) {
		b = s.Values[g.To]
	}
	switch {
	case a != a && b != b:
		return nil
	case a != a:
		a = b
	case b != b:
		b = a
	}
	out := make([]float64, g.Len())
	for i := range out {
		out[i] = max(a+(b-a)*float64(i+1)/float64(len(out)+1), 0)
	}
	return out
}

// shape is the profile of the weeks around, moved to meet the edges and never below
// 0; nil if it is not known of any interval.
func (s Series) shape(g Gap, c window.Calendar) []float64 {
	out := make([]float64, g.Len())
	sum, n := 0.0, 0
	for i := range out {
		out[i] = s.profile(g.From+i, g, c)
		if out[i] == out[i] {
			sum, n = sum+out[i], n+1
		}
	}
	if n == 0 {
		return nil
	}
	// How far the days beside the gap are above the profile, and how far its edges
	// are above that, which matters less with each hour.
	left, right := both(s.off(g, c, -1, level, 1), s.off(g, c, 1, level, 1))
	near := math.Exp2(-float64(s.Step) / float64(hour))
	first, last := s.off(g, c, -1, edge, near)-left, s.off(g, c, 1, edge, near)-right
	for i := range out {
		if out[i] != out[i] {
			out[i] = sum / float64(n)
		}
		at := (float64(i) + 0.5) / float64(len(out))
		out[i] += left*(1-at) + right*at
		a, b := math.Pow(near, float64(i+1)/fading), math.Pow(near, float64(len(out)-i)/fading)
		if first != first {
			first, a = 0, 0
		}
		if last != last {
			last, b = 0, 0
		}
		out[i] = max(out[i]+(first*a+last*b)/max(a+b, 1), 0)
	}
	return out
}

// both is the one where the other is not known.
func both(a, b float64) (float64, float64) {
	switch {
	case a != a && b != b:
		return 0, 0
	case a != a:
		return b, b
	case b != b:
		return a, a
	}
	return a, b
}

// off is how far the values beside the gap are above the profile, during the time
// before it or after it; each value farther away counts less by a factor.
func (s Series) off(g Gap, c window.Calendar, side int, during int64, less float64) float64 {
	at := g.From - 1
	if side > 0 {
		at = g.To
	}
	sum, weight, w := 0.0, 0.0, 1.0
	for range max(during/s.Step, 1) {
		if at < 0 || at >= len(s.Values) {
			break
		}
		if e := s.Values[at] - s.profile(at, g, c); e == e {
			sum, weight = sum+w*e, weight+w
		}
		at += side
		w *= less
	}
	return sum / weight
}

// profile is the mean of an interval at the same time of the same weekday, two weeks
// before and after, the gap left out; without any, of the days beside.
func (s Series) profile(i int, g Gap, c window.Calendar) float64 {
	date := (s.Start + record.Millis(int64(i)*s.Step)).Time().In(c.Zone())
	mean := func(days, times int) float64 {
		sum, n := 0.0, 0
		for k := -times; k <= times; k++ {
			if k == 0 {
				continue
			}
			at := record.MillisOf(time.Date(date.Year(), date.Month(), date.Day()+k*days, date.Hour(), date.Minute(), date.Second(), date.Nanosecond(), date.Location()))
			j := int(int64(at-s.Start) / s.Step)
			if at < s.Start || j >= len(s.Values) || j >= g.From && j < g.To {
				continue
			}
			if v := s.Values[j]; v == v {
				sum, n = sum+v, n+1
			}
		}
		return sum / float64(n)
	}
	if v := mean(7, around); v == v {
		return v
	}
	return mean(1, 3)
}
