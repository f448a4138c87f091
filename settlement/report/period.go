package report

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// Period is a day, week, month or year of a calendar.
type Period struct {
	Size     string    `json:"size" enum:"1d,1w,1M,1y" doc:"How long it is"`
	Text     string    `json:"text" doc:"As it is written" example:"2026-10"`
	From     time.Time `json:"from" doc:"Begin"`
	To       time.Time `json:"to" doc:"End, not part of it"`
	Zone     string    `json:"zone" doc:"Time zone of the calendar" example:"Europe/Berlin"`
	Quarters int       `json:"quarters" doc:"Quarters of an hour in it; a day has 92 or 100 when the clock changes"`

	size window.Size
	span window.Span
	cal  window.Calendar
}

var forms = []struct {
	size window.Size
	form *regexp.Regexp
}{
	{window.Day, regexp.MustCompile(`^([0-9]{4})-([0-9]{2})-([0-9]{2})$`)},
	{window.Week, regexp.MustCompile(`^([0-9]{4})-W([0-9]{2})$`)},
	{window.Month, regexp.MustCompile(`^([0-9]{4})-([0-9]{2})$`)},
	{window.Year, regexp.MustCompile(`^([0-9]{4})$`)},
}

// ParsePeriod reads 2026-10-31, 2026-W44 (ISO 8601), 2026-10 or 2026 in a
// calendar. The error is a sentence and wraps [ErrInvalid].
func ParsePeriod(text string, c window.Calendar) (Period, error) {
	for _, f := range forms {
		m := f.form.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		var n [3]int
		for i, s := range m[1:] {
			n[i], _ = strconv.Atoi(s) // digits
		}
		year, month, day := n[0], 7, 1
		switch f.size {
		case window.Day:
			month, day = n[1], n[2]
		case window.Month:
			month = n[1]
		case window.Week:
			// The 4th of January is in week 1.
			jan4 := time.Date(year, 1, 4, 12, 0, 0, 0, time.UTC)
			monday := jan4.AddDate(0, 0, -(int(jan4.Weekday())+6)%7)
			t := monday.AddDate(0, 0, 7*(n[1]-1))
			if y, w := t.ISOWeek(); y != year || w != n[1] {
				return Period{}, fmt.Errorf("%w: the year %d has no week %d", ErrInvalid, year, n[1])
			}
			return periodAt(c, f.size, time.Date(t.Year(), t.Month(), t.Day(), 12, 0, 0, 0, c.Zone()), text)
		}
		return periodAt(c, f.size, time.Date(year, time.Month(month), day, 12, 0, 0, 0, c.Zone()), text)
	}
	return Period{}, fmt.Errorf("%w: %.40q is no period; write a day as 2026-10-31, a week as 2026-W44, a month as 2026-10 or a year as 2026", ErrInvalid, text)
}

func periodAt(c window.Calendar, size window.Size, t time.Time, text string) (Period, error) {
	if y := t.Year(); y < 1970 || y > 2098 {
		return Period{}, fmt.Errorf("%w: %.40q is outside 1970 to 2098", ErrInvalid, text)
	}
	p := PeriodOf(c, size, record.MillisOf(t))
	if p.Text != text {
		return Period{}, fmt.Errorf("%w: %.40q is not in the calendar of %s", ErrInvalid, text, c.Zone())
	}
	return p, nil
}

// PeriodOf is the day, week, month or year of a calendar that holds a time.
func PeriodOf(c window.Calendar, size window.Size, t record.Millis) Period {
	span := c.Span(size, t)
	first, end := span.Quarters()
	p := Period{
		Size: size.String(), From: span.From.Time().In(c.Zone()), To: span.To.Time().In(c.Zone()), Zone: c.Zone().String(),
		Quarters: int(end - first), size: size, span: span, cal: c,
	}
	// Its middle: a day may begin an hour before or after midnight.
	mid := (span.From + record.Millis(span.Length()/2)).Time().In(c.Zone())
	switch size {
	case window.Day:
		p.Text = mid.Format("2006-01-02")
	case window.Week:
		y, w := mid.ISOWeek()
		p.Text = fmt.Sprintf("%04d-W%02d", y, w)
	case window.Month:
		p.Text = mid.Format("2006-01")
	default:
		p.Text = mid.Format("2006")
	}
	return p
}

// Span is its time.
func (p Period) Span() window.Span { return p.span }

// Next is the period after it, as long.
func (p Period) Next() Period { return PeriodOf(p.cal, p.size, p.span.To) }

// Previous is the period before it, as long.
func (p Period) Previous() Period { return PeriodOf(p.cal, p.size, p.span.From-1) }

// YearAgo is the same period of the year before; false when there is none, as
// for 29 February or a week 53, and for years, of which it is the one before.
func (p Period) YearAgo() (Period, bool) {
	if p.size == window.Year {
		return Period{}, false
	}
	year, _ := strconv.Atoi(p.Text[:4]) // as it was written
	q, err := ParsePeriod(fmt.Sprintf("%04d%s", year-1, p.Text[4:]), p.cal)
	return q, err == nil
}

// parts gives the size of the rows of its table, and that of the windows its
// figures are summed up from.
func (p Period) parts() (rows, base window.Size) {
	switch p.size {
	case window.Day:
		return window.Hour, window.Hour
	case window.Year:
		return window.Month, window.Day
	}
	return window.Day, window.Day
}
