package energy

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// Method is what a correction does to the readings of its range. The numbers are
// stored and do not change.
type Method uint8

// The methods.
const (
	Exclude     Method = iota // there are none, as if they had never come
	Replace                   // there are Points instead, or Value throughout
	Interpolate               // there is a straight line instead, from the value before to the one after
)

var methods = [...]string{"exclude", "replace", "interpolate"}

// String is the method in a word, lower case.
func (m Method) String() string {
	if int(m) >= len(methods) {
		return "method unknown"
	}
	return methods[m]
}

// MarshalText is String for a valid method.
func (m Method) MarshalText() ([]byte, error) { return marshal(methods[:], uint8(m), "method") }

// UnmarshalText reads what MarshalText writes.
func (m *Method) UnmarshalText(text []byte) error {
	return unmarshal(methods[:], (*uint8)(m), text, "method")
}

// Correction is what a person wants to be taken for the readings from From
// (inclusive) to To (exclusive).
type Correction struct {
	Sequence int64 // corrections are made in this order, each on what the ones before left
	From, To record.Millis
	Method   Method
	Points   []Reading   // of Replace: those within the range; without quality they are Corrected
	Value    float64     // of Replace, if there are no points
	Only     record.Rows // of Exclude: these readings of the range; none: all
}

// Concerns tells whether a reading of that time is one that the correction is about.
func (c *Correction) Concerns(t record.Millis) bool {
	return t >= c.From && t < c.To && (len(c.Only) == 0 || c.Only.Has(t))
}

// Correct gives the readings after the corrections, in order of time, for the
// values of a span; those that are given are not changed. The readings are
// those that [Settle] needs for the span, and for each Interpolate of a gauge that touches it,
// or ends before it and may hold into it, all from one that no correction covers before
// its range to one after it, if there are any.
//
// A gauge's replaced value is repeated as often as it has to be to hold throughout
// the range, and a line becomes readings every Interval, each with the line's value
// in the middle of the time it holds; both for the span only, and where a line may
// begin or end. They are Corrected and Estimated. After the range holds what was put in last, until the next reading
// or for MaxAge. Without a value before or after there is no line, and the readings
// are only excluded.
//
// For a counter a replaced value is one reading, at From. A line needs no
// readings: what is left counts evenly from one to the next, and a null with quality
// Estimated between them says that it is a guess.
func Correct(readings []Reading, corrections []Correction, rules Rules, span window.Span) []Reading {
	todo := make([]Correction, 0, len(corrections))
	for _, c := range corrections {
		if c.From < c.To {
			todo = append(todo, c)
		}
	}
	slices.SortStableFunc(todo, func(a, b Correction) int { return cmp.Compare(a.Sequence, b.Sequence) })
	var s Settler
	s.order(readings)
	out := slices.Clone(s.readings)
	seams := seamsOf(todo, rules)
	for i := range todo {
		out = todo[i].apply(out, rules, span, seams)
	}
	return out
}

// seamsOf are the times, in order, beside which a line may begin or end on what
// other corrections put in. There are none without a line.
func seamsOf(corrections []Correction, rules Rules) (seams []record.Millis) {
	if rules.Counter || !slices.ContainsFunc(corrections, func(c Correction) bool { return c.Method == Interpolate }) {
		return nil
	}
	for i := range corrections {
		seams = append(seams, corrections[i].From, corrections[i].To)
	}
	slices.Sort(seams)
	return slices.Compact(seams)
}

// apply puts into the range what belongs there.
func (c *Correction) apply(readings []Reading, rules Rules, span window.Span, seams []record.Millis) []Reading {
	find := func(t record.Millis) int {
		i, _ := slices.BinarySearchFunc(readings, t, func(r Reading, t record.Millis) int { return cmp.Compare(r.Time, t) })
		return i
	}
	i, j := find(c.From), find(c.To)
	if c.Method == Exclude && len(c.Only) > 0 {
		left := slices.DeleteFunc(slices.Clone(readings[i:j]), func(r Reading) bool { return c.Concerns(r.Time) })
		return slices.Replace(readings, i, j, left...)
	}
	var put []Reading
	switch c.Method {
	case Replace:
		put = c.replaced(rules, span, seams)
	case Interpolate:
		if rules.Counter {
			put = []Reading{{c.From, math.NaN(), Estimated}}
		} else {
			put = c.line(readings[:i], readings[j:], rules, span, seams)
		}
	}
	return slices.Replace(readings, i, j, put...)
}

func (c *Correction) replaced(rules Rules, span window.Span, seams []record.Millis) (put []Reading) {
	for _, p := range c.Points {
		if p.Time >= c.From && p.Time < c.To {
			p.Quality = max(p.Quality, Corrected)
			put = append(put, p)
		}
	}
	if len(c.Points) > 0 {
		var s Settler
		s.order(put)
		return s.readings
	}
	if rules.Counter || rules.MaxAge <= 0 {
		return []Reading{{c.From, c.Value, Corrected}}
	}
	for from := range c.steps(rules.MaxAge, span, seams) {
		put = append(put, Reading{from, c.Value, Corrected})
	}
	return put
}

func (c *Correction) line(before, after []Reading, rules Rules, span window.Span, seams []record.Millis) (put []Reading) {
	i, j := len(before)-1, 0
	for i >= 0 && isNaN(before[i].Value) {
		i--
	}
	for j < len(after) && isNaN(after[j].Value) {
		j++
	}
	if i < 0 || j == len(after) {
		return nil
	}
	a, b := before[i], after[j]
	step := rules.Interval
	if step <= 0 {
		step = minute
	}
	if rules.MaxAge > 0 {
		step = min(step, rules.MaxAge)
	}
	for from, to := range c.steps(step, span, seams) {
		middle := float64(int64(from)-int64(a.Time)) + float64(to-from)/2
		share := middle / float64(b.Time-a.Time)
		// Both products are rounded before they are added, on every machine.
		v := float64(a.Value*(1-share)) + float64(b.Value*share)
		put = append(put, Reading{from, v, Estimated})
	}
	return put
}

const minute = 60_000

// steps divides the range into steps that begin with it, and gives those that matter
// to the span, and the last before and the first after each seam.
func (c *Correction) steps(step int64, span window.Span, seams []record.Millis) iter.Seq2[record.Millis, record.Millis] {
	step = min(step, int64(record.MaxTime))
	begin, end := int64(max(c.From, record.MinTime)), int64(min(c.To, record.MaxTime))
	// up is the number of steps that begin before t.
	up := func(t int64) int64 { return max(0, (min(t, end)-begin+step-1)/step) }
	first := max(0, quarterOf(int64(max(span.From, record.MinTime)))-begin) / step
	last, all := max(first, up(int64(span.To))), up(end)
	var beside []int64
	i, _ := slices.BinarySearch(seams, c.From)
	for ; i < len(seams) && seams[i] <= c.To; i++ {
		n := up(int64(seams[i]))
		beside = append(beside, n-1, n)
	}
	slices.Sort(beside)
	beside = slices.Compact(beside)
	return func(yield func(from, to record.Millis) bool) {
		give := func(k int64) bool {
			from := record.Millis(begin + k*step)
			return k < 0 || k >= all || yield(from, min(from+record.Millis(step), c.To))
		}
		for len(beside) > 0 && beside[0] < first {
			if !give(beside[0]) {
				return
			}
			beside = beside[1:]
		}
		for k := first; k < min(last, all); k++ {
			if !give(k) {
				return
			}
		}
		for _, k := range beside {
			if k >= last && !give(k) {
				return
			}
		}
	}
}
