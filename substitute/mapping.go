package substitute

import (
	"fmt"
	"math"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// Of names what of a source a term takes. k is the smallest whole number of days
// (of weeks for [Weeks4]) by which t lies after what is known of the object that
// is stood in for, at least 1: nothing that came later is looked at.
type Of string

// What a term can take.
const (
	Now      Of = "now"      // the value at t
	Last     Of = "last"     // the last value known
	DayBack  Of = "day"      // the value k days before t
	Mean7    Of = "mean7"    // the mean k … k+6 days before t
	Median7  Of = "median7"  // the median of the same
	Median14 Of = "median14" // the median k … k+13 days before t
	Weeks4   Of = "weeks4"   // the mean k … k+3 weeks before t: the weekly profile
	Level    Of = "level"    // the mean of the 24 hours up to what is known
	Like     Of = "like"     // mean7 of Base, times the value at t by mean7 of the source, which is 0 to 5
	Issued   Of = "issued"   // the value at t of the forecast that the mapping keeps
)

// Bounds of a mapping, whatever it comes from.
const (
	maxSources = 32
	maxTerms   = 64
	maxIssued  = 4096
	maxLike    = 5
)

// Source is an object that a mapping takes values of. In the unit of the object
// that is stood in for they are value·Scale + Shift.
type Source struct {
	Object object.ID `json:"object"`
	Scale  float64   `json:"scale"`
	Shift  float64   `json:"shift,omitempty"`
}

// Term is one addend of a mapping: Factor times what Of says of a source.
type Term struct {
	Source int       `json:"source"` // index in Sources
	Of     Of        `json:"of"`
	Base   int       `json:"base,omitempty"` // for Like: index in Sources
	Factor float64   `json:"factor,omitempty"`
	ByHour []float64 `json:"by_hour,omitempty"` // 24 factors by the hour of t in UTC, in place of Factor
}

// Mapping computes the value of one object from those of others and from its own
// past: a sum of terms and a constant, kept between Min and Max. All methods are
// mappings, so that any value can be computed again from what is stored.
type Mapping struct {
	Step     record.Millis `json:"step"`
	Sources  []Source      `json:"sources"`
	Terms    []Term        `json:"terms"`
	Constant float64       `json:"constant,omitempty"`
	Min      float64       `json:"min"`
	Max      float64       `json:"max"`
	Issued   *Issue        `json:"issued,omitempty"`
}

// Issue is a forecast as it was issued.
type Issue struct {
	From   record.Millis `json:"from"`
	Values []float64     `json:"values"`
}

// Value computes the value at t from what was known of the object until the cell
// that begins at known. It is false when something it needs is missing, or t or
// known is no beginning of a cell: null is not zero.
func (m *Mapping) Value(t, known record.Millis, lookup Lookup) (float64, bool) {
	if m.Step <= 0 || t%m.Step != 0 || known%m.Step != 0 {
		return 0, false
	}
	return m.value(int64(t/m.Step), int64(known/m.Step), func(i int, cell int64) (float64, bool) {
		s := &m.Sources[i]
		v, ok := lookup(s.Object, record.Millis(cell)*m.Step)
		return linear(v, s.Scale, s.Shift), ok && v == v
	})
}

// Bound is a mapping with the series of its sources at hand: the same values, in
// well under a microsecond each.
type Bound struct {
	m      *Mapping
	series []bound
}

type bound struct {
	first        int64 // cell of the first value, counted from 1970
	values       []float64
	scale, shift float64
}

// Bind finds the sources of the mapping. It is false when one is missing or on
// another grid.
func (m *Mapping) Bind(find func(object.ID) (Series, bool)) (Bound, bool) {
	b := Bound{m: m, series: make([]bound, len(m.Sources))}
	for i, s := range m.Sources {
		found, ok := find(s.Object)
		if !ok || found.Step != m.Step || m.Step <= 0 || found.From%m.Step != 0 {
			return Bound{}, false
		}
		b.series[i] = bound{first: int64(found.From / m.Step), values: found.Values, scale: s.Scale, shift: s.Shift}
	}
	return b, true
}

// Value is [Mapping.Value].
func (b Bound) Value(t, known record.Millis) (float64, bool) {
	step := b.m.Step
	if t%step != 0 || known%step != 0 {
		return 0, false
	}
	return b.m.value(int64(t/step), int64(known/step), func(i int, cell int64) (float64, bool) {
		s := &b.series[i]
		if j := uint64(cell - s.first); j < uint64(len(s.values)) {
			v := s.values[j]
			return linear(v, s.scale, s.shift), v == v
		}
		return 0, false
	})
}

// cells gives the value of a source's cell, counted from 1970.
type cells func(source int, cell int64) (float64, bool)

// value is Value by cells.
func (m *Mapping) value(t, known int64, at cells) (float64, bool) {
	sum := m.Constant
	day := int64(Day / m.Step)
	before := t - back(t, known, day)*day
	var mean [maxSources]float64 // of mean7, which Mean7 and Like may both want
	var seen uint32
	mean7 := func(i int) (float64, bool) {
		if seen&(1<<i) != 0 {
			return mean[i], true
		}
		v, ok := meanOf(at, i, before, day, 7, 3)
		if ok {
			mean[i] = v
			seen |= 1 << i
		}
		return v, ok
	}
	for i := range m.Terms {
		term := &m.Terms[i]
		var v float64
		var ok bool
		switch term.Of {
		case Now:
			v, ok = at(term.Source, t)
		case Last:
			v, ok = at(term.Source, known)
		case DayBack:
			v, ok = at(term.Source, before)
		case Mean7:
			v, ok = mean7(term.Source)
		case Median7:
			v, ok = medianOf(at, term.Source, before, day, 7, 3)
		case Median14:
			v, ok = medianOf(at, term.Source, before, day, 14, 5)
		case Weeks4:
			v, ok = meanOf(at, term.Source, t-back(t, known, 7*day)*7*day, 7*day, 4, 2)
		case Level:
			v, ok = meanOf(at, term.Source, known, 1, int(day), int(day+1)/2)
		case Like:
			var now, usual, base float64
			if now, ok = at(term.Source, t); !ok {
				break
			}
			if usual, ok = mean7(term.Source); !ok {
				break
			}
			if base, ok = mean7(term.Base); ok {
				v = like(base, now, usual)
			}
		case Issued:
			if m.Issued != nil {
				v, ok = Series{From: m.Issued.From, Step: m.Step, Values: m.Issued.Values}.At(record.Millis(t) * m.Step)
			}
		}
		if !ok {
			return 0, false
		}
		if term.ByHour != nil {
			sum = linear(v, term.ByHour[hourOf(record.Millis(t)*m.Step)], sum)
		} else {
			sum = linear(v, term.Factor, sum)
		}
	}
	return min(max(sum, m.Min), m.Max), true
}

// linear is v·factor + rest, with the product rounded first: some machines would
// round once, and the bits differ from those of others.
func linear(v, factor, rest float64) float64 { return float64(v*factor) + rest }

// like is base in the proportion in which now is to what is usual.
func like(base, now, usual float64) float64 {
	if !(usual > 0) {
		return base
	}
	return base * min(max(now/usual, 0), maxLike)
}

// back is by how many whole periods t lies after known at least, and no less
// than one.
func back(t, known, period int64) int64 {
	if t <= known {
		return 1
	}
	return (t - known + period - 1) / period
}

func hourOf(t record.Millis) int { return int(((t % Day) + Day) % Day / hour) }

// meanOf is the mean of n cells, the first and then each a period earlier, if at
// least least of them are known.
func meanOf(at cells, source int, first, period int64, n, least int) (float64, bool) {
	sum, known := 0.0, 0
	for range n {
		if v, ok := at(source, first); ok {
			sum += v
			known++
		}
		first -= period
	}
	if known < least {
		return 0, false
	}
	return sum / float64(known), true
}

// medianOf is the median of n cells (at most 14), the first and then each a
// period earlier, if at least least are known.
func medianOf(at cells, source int, first, period int64, n, least int) (float64, bool) {
	var room [14]float64
	known := 0
	for range n {
		v, ok := at(source, first)
		first -= period
		if !ok {
			continue
		}
		i := known
		for known++; i > 0 && room[i-1] > v; i-- {
			room[i] = room[i-1]
		}
		room[i] = v
	}
	if known < least {
		return 0, false
	}
	return middle(room[:known]), true
}

// middle is the median of what is sorted.
func middle(sorted []float64) float64 {
	m := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[m]
	}
	return (sorted[m-1] + sorted[m]) / 2
}

// From lists the objects that the mapping takes values of at t itself: those that
// have to measure for it to work. Its own object's past is not among them.
func (m *Mapping) From() []object.ID {
	var out []object.ID
	var seen uint32
	for _, t := range m.Terms {
		if (t.Of == Now || t.Of == Like) && seen&(1<<t.Source) == 0 {
			seen |= 1 << t.Source
			out = append(out, m.Sources[t.Source].Object)
		}
	}
	return out
}

// Validate says what is wrong with a mapping that came from elsewhere, or nil.
func (m *Mapping) Validate() error {
	switch {
	case m.Step <= 0 || Day%m.Step != 0:
		return fmt.Errorf("the step of a mapping is %d ms, which does not divide a day", int64(m.Step))
	case len(m.Sources) > maxSources:
		return fmt.Errorf("a mapping has %d sources, at most %d are taken", len(m.Sources), maxSources)
	case len(m.Terms) > maxTerms:
		return fmt.Errorf("a mapping has %d terms, at most %d are taken", len(m.Terms), maxTerms)
	case m.Issued != nil && len(m.Issued.Values) > maxIssued:
		return fmt.Errorf("a mapping keeps a forecast of %d values, at most %d are taken", len(m.Issued.Values), maxIssued)
	case m.Min > m.Max:
		return fmt.Errorf("the least value of a mapping, %g, is above its largest, %g", m.Min, m.Max)
	}
	for _, v := range []float64{m.Constant, m.Min, m.Max} {
		if !finite(v) {
			return fmt.Errorf("a number of a mapping is not finite")
		}
	}
	for _, s := range m.Sources {
		if !finite(s.Scale) || !finite(s.Shift) {
			return fmt.Errorf("a number of a mapping is not finite")
		}
	}
	for i, t := range m.Terms {
		switch t.Of {
		case Now, Last, DayBack, Mean7, Median7, Median14, Weeks4, Level, Like:
			if t.Source < 0 || t.Source >= len(m.Sources) || t.Base < 0 || t.Base >= len(m.Sources) {
				return fmt.Errorf("term %d of a mapping names a source that is not there", i)
			}
		case Issued:
			if m.Issued == nil {
				return fmt.Errorf("term %d of a mapping takes a forecast that is not there", i)
			}
		default:
			return fmt.Errorf("term %d of a mapping takes %.40q, which is unknown", i, string(t.Of))
		}
		if t.ByHour != nil && len(t.ByHour) != 24 {
			return fmt.Errorf("term %d of a mapping has %d factors by hour, not 24", i, len(t.ByHour))
		}
		for _, f := range append([]float64{t.Factor}, t.ByHour...) {
			if !finite(f) {
				return fmt.Errorf("a factor of term %d of a mapping is not finite", i)
			}
		}
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
