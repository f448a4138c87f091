package window

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// Moment reads a point in time as people write it: RFC 3339, a date or a date
// and time of the zone, or ms since 1970 UTC. A date is its first moment; a date
// and time that the clock leaves out is the moment at which it is put forward.
// The error is a sentence.
func (c Calendar) Moment(text string) (record.Millis, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && len(text) > 8 {
		if n < int64(record.MinTime) || n > int64(record.MaxTime) {
			return 0, fmt.Errorf("%s is outside 1970 to 2100", text)
		}
		return record.Millis(n), nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, text, c.Zone()); err == nil {
			at := record.MillisOf(t)
			if local, err := time.Parse(layout, text); err == nil && layout != time.RFC3339Nano {
				if clock := local.UnixMilli(); layout == time.DateOnly || t.Format(layout) != text {
					at = record.Millis(c.shows(clock))
				}
			}
			if at >= record.MinTime && at <= record.MaxTime {
				return at, nil
			}
			return 0, fmt.Errorf("%s is outside 1970 to 2100", text)
		}
	}
	return 0, fmt.Errorf("%.60q is neither RFC 3339, nor a date as 2026-01-31, nor ms since 1970", text)
}

// MomentAt is Moment, and takes what is said relative to now, too: "now",
// "now-15m", "now-7d", "now-2w". A day has 24 hours there.
func (c Calendar) MomentAt(text string, now record.Millis) (record.Millis, error) {
	rest, relative := strings.CutPrefix(text, "now")
	if !relative {
		return c.Moment(text)
	}
	if rest == "" {
		return now, nil
	}
	length, ok := strings.CutPrefix(rest, "-")
	var back time.Duration
	var err error
	switch last := length[max(0, len(length)-1):]; last {
	case "d", "w":
		var n float64
		n, err = strconv.ParseFloat(length[:len(length)-1], 64)
		ok = ok && n >= 0 && n < 50_000
		back = time.Duration(n * float64(map[string]time.Duration{"d": day, "w": 7 * day}[last]))
	default:
		back, err = time.ParseDuration(length)
	}
	if !ok || err != nil || back < 0 {
		return 0, fmt.Errorf("%.60q is not like now-1h or now-7d", text)
	}
	return max(now-record.Millis(back/time.Millisecond), record.MinTime), nil
}

const day = 24 * time.Hour

// Between reads a span that begins and ends at moments. The error is a sentence
// that names which of them is wrong.
func (c Calendar) Between(from, to string) (at Span, err error) {
	if at.From, err = c.Moment(from); err != nil {
		return at, fmt.Errorf("from: %w", err)
	}
	if at.To, err = c.Moment(to); err != nil {
		return at, fmt.Errorf("to: %w", err)
	}
	if at.From >= at.To {
		return at, fmt.Errorf("from (%s) is not before to (%s)", at.From, at.To)
	}
	return at, nil
}
