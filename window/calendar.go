package window

import (
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// Calendar knows the windows of one zone. It is a small value to be copied; the
// zero Calendar is that of UTC.
type Calendar struct{ zone *time.Location }

// In is the calendar of a zone; nil is UTC.
func In(zone *time.Location) Calendar { return Calendar{zone} }

// Load finds the calendar of an IANA zone, such as Europe/Berlin; without a
// name that of UTC. The error names the zone that is unknown.
func Load(zone string) (Calendar, error) {
	if zone == "" {
		return Calendar{}, nil
	}
	z, err := time.LoadLocation(zone)
	if err != nil {
		return Calendar{}, fmt.Errorf("load zone %.60q: %w", zone, err)
	}
	return Calendar{z}, nil
}

// Zone is the zone of the calendar.
func (c Calendar) Zone() *time.Location {
	if c.zone == nil {
		return time.UTC
	}
	return c.zone
}

// Span is the window of the size that holds t.
func (c Calendar) Span(size Size, t record.Millis) Span {
	// A bound within a quarter counts from the quarter's end on. So the window
	// of t is the one that holds the beginning of t's quarter.
	q := floor(int64(t), QuarterLength) * QuarterLength
	var from, to int64
	switch size {
	case FiveMinutes:
		from = floor(int64(t), QuarterLength/3) * (QuarterLength / 3)
		return Span{record.Millis(from), record.Millis(from + QuarterLength/3)}
	case Quarter:
		return Span{record.Millis(q), record.Millis(q + QuarterLength)}
	case HalfHour:
		from, to = c.clock(2*QuarterLength, q)
	case Hour:
		from, to = c.clock(hour, q)
	default:
		from, to = c.dates(size, q)
	}
	return Span{record.Millis(nextQuarter(from)), record.Millis(nextQuarter(to))}
}

// nextQuarter is the first beginning of a quarter at or after t.
func nextQuarter(t int64) int64 { return floor(t+QuarterLength-1, QuarterLength) * QuarterLength }

// Next is the window of the size that follows s, itself one of that size.
func (c Calendar) Next(size Size, s Span) Span { return c.Span(size, s.To) }

// Prev is the window of the size before s, itself one of that size.
func (c Calendar) Prev(size Size, s Span) Span { return c.Span(size, s.From-1) }

// Spans gives the windows of the size that have time in common with the one
// from from (inclusive) to to (exclusive), in order.
func (c Calendar) Spans(size Size, from, to record.Millis) iter.Seq[Span] {
	return func(yield func(Span) bool) {
		for from < to {
			s := c.Span(size, from)
			if !yield(s) {
				return
			}
			from = s.To
		}
	}
}

// A steady is a time during which the zone's offset from UTC does not change; the
// bounds are in ms of UTC, the offset in ms.
type steady struct{ from, to, offset int64 }

// reach is how far from a time a change of the clock matters to its windows.
const reach = 4 * dayLength

const dayLength = 24 * hour

// around finds the steady time that holds t. Bounds that are farther than reach
// may be taken to be at the end of time.
func (c Calendar) around(t int64) steady {
	at := time.UnixMilli(t).In(c.Zone())
	_, offset := at.Zone()
	s := steady{math.MinInt64, math.MaxInt64, int64(offset) * 1000}
	// Changes of the name alone do not count.
	for next := at; next.UnixMilli() > t-reach; {
		begin, _ := next.ZoneBounds()
		if begin.IsZero() {
			break
		}
		next = begin.Add(-time.Millisecond)
		if _, o := next.Zone(); o != offset {
			s.from = begin.UnixMilli()
			break
		}
	}
	for next := at; next.UnixMilli() < t+reach; {
		_, end := next.ZoneBounds()
		if end.IsZero() {
			break
		}
		if !end.After(next) {
			// Package time takes all years that only a zone's rule knows for 365
			// days, and has bounds of 31 December of leap years that are before it.
			end = next.AddDate(0, 0, 1)
		}
		next = end
		if _, o := next.Zone(); o != offset {
			s.to = end.UnixMilli()
			break
		}
	}
	return s
}

// clock finds the bounds of the time around t during which the clock on the
// wall goes through one multiple of length, without being set.
func (c Calendar) clock(length, t int64) (from, to int64) {
	s := c.around(t)
	from = floor(t+s.offset, length)*length - s.offset
	return max(from, s.from), min(from+length, s.to)
}

// dates finds the bounds of the day, week, month or year that holds t.
func (c Calendar) dates(size Size, t int64) (from, to int64) {
	_, offset := time.UnixMilli(t).In(c.Zone()).Zone()
	day := floor(t+int64(offset)*1000, dayLength)
	from = c.begin(day)
	for from > t {
		// The clock shows this date already, and will be put back behind it.
		day--
		from = c.begin(day)
	}
	date := time.UnixMilli(day * dayLength).UTC()
	number := func(y int, m time.Month) int64 {
		return floor(time.Date(y, m, 1, 0, 0, 0, 0, time.UTC).UnixMilli(), dayLength)
	}
	switch size {
	case Week:
		monday := day - int64(date.Weekday()+6)%7
		return c.begin(monday), c.begin(monday + 7)
	case Month:
		return c.begin(number(date.Year(), date.Month())), c.begin(number(date.Year(), date.Month()+1))
	case Year:
		return c.begin(number(date.Year(), 1)), c.begin(number(date.Year()+1, 1))
	}
	return from, c.begin(day + 1)
}

// begin finds when a date begins, given in days since 1970: the first time from
// which on the clock shows this date or a later one. Of dates that are left out
// it is the beginning of the next.
func (c Calendar) begin(day int64) int64 {
	return c.shows(day * dayLength)
}

// shows finds the first time from which on the clock shows a time, in ms since
// 1970 as if the clock were UTC, or a later one, for good.
func (c Calendar) shows(clock int64) int64 {
	// Two days later no clock shows an earlier time any more.
	for t := clock + 2*dayLength; ; {
		s := c.around(t)
		if last := min(s.to, clock-s.offset); last > s.from {
			return last
		}
		t = s.from - 1
	}
}
