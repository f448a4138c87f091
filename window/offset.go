package window

import "github.com/wattwerk/wattwerk/record"

// Steady is a span of time during which a zone's offset from UTC does not change.
type Steady struct {
	Span
	Offset int64 // ms that the clock is ahead of UTC
}

// Offsets gives the times of one offset that follow one another in a span. Where
// the clock is set within a quarter hour, the offset of its beginning holds for
// all of it, as in [Calendar.Span].
func (c Calendar) Offsets(from, to record.Millis) []Steady {
	var out []Steady
	for from < to {
		s := c.around(int64(from))
		end := to
		if s.to < int64(to)-QuarterLength {
			end = record.Millis(nextQuarter(s.to))
		}
		if end > from+reach { // what is further away is not known yet
			end = from + reach
		}
		if n := len(out); n > 0 && out[n-1].Offset == s.offset {
			out[n-1].To = end
		} else {
			out = append(out, Steady{Span{from, end}, s.offset})
		}
		from = end
	}
	return out
}
