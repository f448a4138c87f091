package energy

import (
	"cmp"
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// Context is how many readings before and after a span its values may depend
// on. Whoever settles a part of a series gives [Settle] the readings from the
// beginning of the quarter hour (in UTC) of the first edge to the last edge, and before and
// after this as many readings that count, or all there are: Context for
// a counter, one before and none after for a gauge. Readings count that have a value and
// are not set aside by an override. Then values and annotations are the same
// as those of the series as a whole.
//
// In turn, a reading that is new can change the values and annotations from the
// Context-th counting reading before it to the Context-th after it for a
// counter, and from its own quarter hour to the next reading for a gauge: what was
// a reset is a glitch when the counter comes back.
const Context = 32

// Settle gives the values of the windows between each two edges, and what was
// noted of readings from the first edge (inclusive) to the last (exclusive), in
// order of time. Readings may come in any order; of several for one time the
// first counts. Edges ascend; a window between edges that do not is empty.
func Settle(readings []Reading, edges []record.Millis, rules Rules, overrides []Override) ([]Value, []Annotation) {
	return new(Settler).Settle(nil, nil, readings, edges, rules, overrides)
}

// Settler settles as [Settle] does, and keeps its memory for the next time. The
// zero Settler is ready.
type Settler struct {
	rules    Rules
	readings []Reading
	edges    []int64
	values   []Value
	notes    []Annotation
	begin    int64 // of the first window
	end      int64 // of the last

	ordered   []Reading
	overrides []Override
	swaps     []Swap
	points    []point
	left      []int32 // indices of points that are not set aside
	marks     []Reading
	details   []detail
}

// Settle appends to dst the values and to notes the annotations that [Settle]
// gives.
func (s *Settler) Settle(dst []Value, notes []Annotation, readings []Reading, edges []record.Millis, rules Rules, overrides []Override) ([]Value, []Annotation) {
	if len(edges) < 2 {
		return dst, notes
	}
	s.rules = rules
	s.order(readings)
	s.orderOverrides(overrides)
	s.edges = s.edges[:0]
	last := record.MinTime
	for _, e := range edges {
		last = max(last, min(e, record.MaxTime))
		s.edges = append(s.edges, int64(last))
	}
	s.begin, s.end = s.edges[0], s.edges[len(edges)-1]
	at := len(dst)
	for range len(edges) - 1 {
		dst = append(dst, Value{Average: math.NaN(), Min: math.NaN(), Max: math.NaN()})
	}
	first := len(notes)
	s.values, s.notes = dst[at:], notes
	if rules.Counter {
		s.count()
	} else {
		s.integrate()
	}
	notes = s.notes
	slices.SortStableFunc(notes[first:], func(a, b Annotation) int { return cmp.Compare(a.Time, b.Time) })
	// Nothing of the caller's is kept.
	s.rules, s.readings, s.values, s.notes = Rules{}, nil, nil, nil
	return dst, notes
}

// order takes the readings in order of time, one for each.
func (s *Settler) order(readings []Reading) {
	s.readings = readings
	last := record.MinTime - 1
	for i := range readings {
		if t := readings[i].Time; t <= last || t > record.MaxTime {
			s.ordered = s.ordered[:0]
			for _, r := range readings {
				if r.Time >= record.MinTime && r.Time <= record.MaxTime {
					s.ordered = append(s.ordered, r)
				}
			}
			slices.SortStableFunc(s.ordered, func(a, b Reading) int { return cmp.Compare(a.Time, b.Time) })
			s.ordered = slices.CompactFunc(s.ordered, func(a, b Reading) bool { return a.Time == b.Time })
			s.readings = s.ordered
			return
		}
		last = readings[i].Time
	}
}

// orderOverrides takes the overrides in order of time; of those for one time the
// last one given is the first.
func (s *Settler) orderOverrides(overrides []Override) {
	s.overrides = s.overrides[:0]
	for i := len(overrides) - 1; i >= 0; i-- {
		s.overrides = append(s.overrides, overrides[i])
	}
	slices.SortStableFunc(s.overrides, func(a, b Override) int { return cmp.Compare(a.Time, b.Time) })
	s.overrides = slices.CompactFunc(s.overrides, func(a, b Override) bool { return a.Time == b.Time })
}

// overriding walks through the overrides along with the readings.
type overriding struct {
	list []Override
	next int
}

// of finds the override for a time later than all asked before; -1 is none.
func (o *overriding) of(t record.Millis) int {
	for o.next < len(o.list) && o.list[o.next].Time < t {
		o.next++
	}
	if o.next < len(o.list) && o.list[o.next].Time == t {
		return o.next
	}
	return -1
}

// note keeps an annotation if it is one of the span's.
func (s *Settler) note(a Annotation) {
	if t := int64(a.Time); t >= s.begin && t < s.end {
		s.notes = append(s.notes, a)
	}
}

// quarterOf is the beginning of the quarter hour that holds t.
func quarterOf(t int64) int64 { return t - t%window.QuarterLength }

func worse(a, b Quality) Quality { return max(a, b, Measured) }

func isNaN(v float64) bool { return v != v }
