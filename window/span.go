package window

import "github.com/wattwerk/wattwerk/record"

// QuarterLength is the length of a quarter hour in ms.
const QuarterLength = 900_000

const hour = 4 * QuarterLength

// Span is a time from From (inclusive) to To (exclusive).
type Span struct{ From, To record.Millis }

// Length is the length of the span in ms.
func (s Span) Length() int64 { return int64(s.To - s.From) }

// Holds tells whether t is in the span.
func (s Span) Holds(t record.Millis) bool { return s.From <= t && t < s.To }

// Quarters gives the numbers of the first quarter that begins in the span and
// of the first that begins after it. All quarters of a window of half an hour
// or more lie in it as a whole.
func (s Span) Quarters() (first, end int32) {
	return QuarterOf(s.From + QuarterLength - 1), QuarterOf(s.To + QuarterLength - 1)
}

// QuarterOf numbers the quarter hour that holds t, from 0 at the beginning of
// 1970 in UTC. It is right for times that differ from 1970 by at most 60,000 years.
func QuarterOf(t record.Millis) int32 { return int32(floor(int64(t), QuarterLength)) }

// QuarterSpan is the span of a quarter hour by its number.
func QuarterSpan(n int32) Span {
	from := record.Millis(n) * QuarterLength
	return Span{from, from + QuarterLength}
}

// floor divides and rounds down.
func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
