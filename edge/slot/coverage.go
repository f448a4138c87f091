package slot

import (
	"slices"
	"time"
)

// Span is a span of time, in seconds since 1970, without its end.
type Span struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// SpanOf gives the span of a slot.
func SpanOf(at time.Time, interval time.Duration) Span {
	return Span{at.Unix(), at.Add(interval).Unix()}
}

// Coverage is the time whose slots were measured: spans in order that neither overlap
// nor touch.
type Coverage []Span

// MaxSpans is how many spans a coverage has. When there are more, the two oldest
// become one, with what is between them: a gap is forgotten rather than a slot
// measured twice.
const MaxSpans = 256

// Overlaps tells whether some of the span was measured.
func (c Coverage) Overlaps(s Span) bool {
	i, _ := c.after(s.From)
	return i < len(c) && c[i].From < s.To
}

// after gives the first span that ends after a time.
func (c Coverage) after(t int64) (int, bool) {
	return slices.BinarySearchFunc(c, t, func(s Span, t int64) int {
		if s.To <= t {
			return -1
		}
		return 1
	})
}

// Add gives the coverage with another span; c itself stays as it is. A span that is
// none changes nothing.
func (c Coverage) Add(s Span) Coverage {
	if s.From >= s.To {
		return c
	}
	out := make(Coverage, 0, len(c)+1)
	for i, x := range c {
		if x.To < s.From {
			out = append(out, x)
			continue
		}
		if x.From > s.To {
			out = append(append(out, s), c[i:]...)
			return out.bounded()
		}
		s = Span{min(s.From, x.From), max(s.To, x.To)}
	}
	return append(out, s).bounded()
}

func (c Coverage) bounded() Coverage {
	for len(c) > MaxSpans {
		c[1].From = c[0].From
		c = c[1:]
	}
	return c
}

// Union gives what is in either.
func (c Coverage) Union(d Coverage) Coverage {
	for _, s := range d {
		c = c.Add(s)
	}
	return c
}

// Gaps are the spans between two times in which nothing was measured.
func (c Coverage) Gaps(from, to time.Time) []Span {
	var gaps []Span
	at, end := from.Unix(), to.Unix()
	for _, s := range c {
		if s.From >= end {
			break
		}
		if s.From > at {
			gaps = append(gaps, Span{at, s.From})
		}
		at = max(at, s.To)
	}
	if at < end {
		gaps = append(gaps, Span{at, end})
	}
	return gaps
}

// End is when the latest slot that was measured ends; zero: none was.
func (c Coverage) End() time.Time {
	if len(c) == 0 {
		return time.Time{}
	}
	return time.Unix(c[len(c)-1].To, 0).UTC()
}
