package clock

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/record"
)

// Local finds the instant of what a clock on the wall of the zone showed.
// Only the date and time of wall count, not its own zone.
//
// Where clocks are put back, a time shows twice: it is taken as the earlier of
// both, before the change, and again is true. Where clocks are put forward, a
// time never shows: it is taken as if the clock had not been changed yet, so
// 02:30 becomes what the changed clock shows as 03:30. Both rules keep the
// order of times within an hour and need no memory.
func Local(wall time.Time, zone *time.Location) (at time.Time, again bool) {
	w := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), time.UTC)
	_, before := w.Add(-24 * time.Hour).In(zone).Zone()
	_, after := w.Add(24 * time.Hour).In(zone).Zone()
	first, second := w.Add(-time.Duration(before)*time.Second), w.Add(-time.Duration(after)*time.Second)
	shows := func(t time.Time) bool {
		_, off := t.In(zone).Zone()
		return t.Add(time.Duration(off) * time.Second).Equal(w)
	}
	switch a, b := shows(first), shows(second); {
	case before == after, a && !b, !a && !b:
		return first, false
	case !a:
		return second, false
	case second.Before(first):
		return second, true
	default:
		return first, true
	}
}

// Format says how times are written. The zero value is FormatAuto in UTC.
type Format struct {
	Format string // auto, rfc3339, s, ms, us, ns, or a layout of Go's time package
	Zone   string // IANA zone of times that state no offset; default UTC
}

// Parser reads times as a [Format] says.
type Parser struct {
	format string
	zone   *time.Location
}

// NewParser checks the format.
func NewParser(f Format) (Parser, error) {
	zone, err := time.LoadLocation(f.Zone)
	if err != nil || f.Zone == "Local" {
		return Parser{}, fmt.Errorf("time zone %q is unknown", f.Zone)
	}
	p := Parser{format: f.Format, zone: zone}
	switch f.Format {
	case "":
		p.format = "auto"
	case "auto", "rfc3339", "s", "ms", "us", "ns":
	default:
		// A layout that reads back what it wrote to the minute is a layout.
		ref := time.Date(2006, 11, 22, 13, 24, 35, 0, time.UTC)
		back, err := time.Parse(f.Format, ref.Format(f.Format))
		if err != nil || back.Sub(ref).Abs() > time.Minute {
			return p, fmt.Errorf("time format %q is neither auto, rfc3339, s, ms, us, ns nor a layout with date and time", f.Format)
		}
	}
	return p, nil
}

// Parse reads a time. Numbers may have a fraction. In the format auto, text is
// RFC 3339 with or without offset, and a number is taken by its size: below
// 10^11 seconds, below 10^14 milliseconds, below 10^17 microseconds, else
// nanoseconds, since 1970.
func (p Parser) Parse(s string) (record.Millis, error) {
	t, _, err := p.ParseAgain(s)
	return t, err
}

// ParseAgain is Parse, and tells whether it was a local time that shows twice.
func (p Parser) ParseAgain(s string) (at record.Millis, again bool, err error) {
	switch p.format {
	case "auto":
		if v, ok := number64(s); ok {
			at, err = FromEpoch(v, autoUnit(v), s)
			return at, false, err
		}
		return p.rfc3339(s)
	case "rfc3339":
		return p.rfc3339(s)
	case "s", "ms", "us", "ns":
		v, ok := number64(s)
		if !ok {
			return 0, false, unreadable(s, "time %.60q is not a number", s)
		}
		at, err = FromEpoch(v, p.format, s)
		return at, false, err
	}
	t, err := time.Parse(p.format, strings.TrimSpace(s))
	if err != nil {
		return 0, false, unreadable(s, "time %.60q is not like %q", s, p.format)
	}
	if strings.Contains(p.format, "Z07") || strings.Contains(p.format, "-07") {
		return record.MillisOf(t), false, nil
	}
	t, again = Local(t, p.zone)
	return record.MillisOf(t), again, nil
}

func (p Parser) rfc3339(s string) (record.Millis, bool, error) {
	s = strings.TrimSpace(s)
	if len(s) > 10 && (s[10] == ' ' || s[10] == 't') {
		s = s[:10] + "T" + s[11:]
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return record.MillisOf(t), false, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			t, again := Local(t, p.zone)
			return record.MillisOf(t), again, nil
		}
	}
	return 0, false, unreadable(s, "time %.60q is neither RFC 3339 nor a number", s)
}

func unreadable(text, format string, a ...any) error {
	return phrase.Errorf(phrase.TimeUnreadable, phrase.Params{"text": text}, format, a...)
}

func number64(s string) (float64, bool) {
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && !math.IsInf(v, 0) && !math.IsNaN(v)
}

func autoUnit(v float64) string {
	switch v = math.Abs(v); {
	case v < 1e11:
		return "s"
	case v < 1e14:
		return "ms"
	case v < 1e17:
		return "us"
	}
	return "ns"
}

// FromEpoch reads a number of s, ms, us or ns since 1970 UTC; text is what it is
// called in the error.
func FromEpoch(v float64, unit, text string) (record.Millis, error) {
	var ms float64
	switch unit {
	case "s":
		ms = v * 1e3
	case "ms":
		ms = v
	case "us":
		ms = v / 1e3
	default:
		ms = v / 1e6
	}
	// Round: 1631266595.44 s must not become 439 ms.
	ms = math.Round(ms*1e3) / 1e3
	if math.Abs(ms) > 1e15 {
		return 0, fmt.Errorf("%w: %.60s", record.ErrTimeBounds, text)
	}
	return record.Millis(math.Floor(ms)), nil
}
