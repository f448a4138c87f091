package rule

import (
	"fmt"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// Weekday names a day of the week, in three letters.
type Weekday string

var weekdays = []Weekday{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Quiet is a time of the day, on some days of the week, by the calendar of the
// site. One that ends before it begins goes on until the next day.
type Quiet struct {
	Days []Weekday `json:"days,omitempty" maxItems:"7" enum:"mon,tue,wed,thu,fri,sat,sun" doc:"On which days it begins; absent: every day"`
	From string    `json:"from" doc:"When it begins" example:"22:00" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$"`
	To   string    `json:"to" doc:"When it ends, on the next day if not later than it begins" example:"06:00" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$"`
}

// Validate gives what cannot be.
func (q *Quiet) Validate() error {
	for _, d := range q.Days {
		if !slices.Contains(weekdays, d) {
			return fmt.Errorf("quiet: %q is no day; mon, tue, wed, thu, fri, sat, sun are", d)
		}
	}
	for _, s := range []string{q.From, q.To} {
		if _, ok := clock(s); !ok {
			return fmt.Errorf("quiet: %q is not a time of the day like 22:00", s)
		}
	}
	return nil
}

// clock reads a time of the day, in minutes.
func clock(s string) (int, bool) {
	t, err := time.Parse("15:04", s)
	return t.Hour()*60 + t.Minute(), err == nil && len(s) == 5
}

// until gives the end of the quiet time that holds t; false when none does.
func (q *Quiet) until(t time.Time) (time.Time, bool) {
	from, _ := clock(q.From)
	to, _ := clock(q.To)
	y, m, d := t.Date()
	for back := range 2 { // it began today or yesterday
		begin := time.Date(y, m, d-back, from/60, from%60, 0, 0, t.Location())
		if len(q.Days) > 0 && !slices.Contains(q.Days, weekdays[time.Date(y, m, d-back, 12, 0, 0, 0, t.Location()).Weekday()]) {
			continue
		}
		next := 0
		if to <= from {
			next = 1
		}
		end := time.Date(y, m, d-back+next, to/60, to%60, 0, 0, t.Location())
		if !t.Before(begin) && t.Before(end) {
			return end, true
		}
	}
	return t, false
}

// maxQuiet bounds how far quiet times that follow one another are put together.
const maxQuiet = 8 * 24 * time.Hour

// quietUntil gives when something may be told that happens at t: t itself, or
// the end of the quiet times it is in, at most eight days later.
func quietUntil(all []Quiet, t record.Millis, zone *time.Location) record.Millis {
	at := t.Time().In(zone)
	last := at.Add(maxQuiet)
	for again := len(all) > 0; again; {
		again = false
		for i := range all {
			if end, in := all[i].until(at); in && at.Before(last) {
				at, again = end, true
			}
		}
	}
	return record.MillisOf(at)
}

// Period is the time a budget is for.
type Period string

// The periods there are.
const (
	Day   Period = "day"
	Week  Period = "week" // from Monday
	Month Period = "month"
	Year  Period = "year"
)

// Periods gives all, the shortest first.
func Periods() []Period { return []Period{Day, Week, Month, Year} }

// Span gives the running period at t by the calendar of the zone, half open.
func (p Period) Span(t record.Millis, zone *time.Location) (from, to record.Millis) {
	size := map[Period]window.Size{Day: window.Day, Week: window.Week, Month: window.Month, Year: window.Year}[p]
	at := window.In(zone).Span(size, t)
	return at.From, at.To
}
