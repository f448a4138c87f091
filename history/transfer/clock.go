package transfer

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// clock reads times.
type clock struct {
	layout string
	zone   *time.Location
	shift  record.Millis
}

// course is how the times of one sensor, or of all rows, went so far.
type course struct {
	last    time.Time
	rows    int           // that have it
	usual   int           // rows of the time before
	step    time.Duration // between these two; 0: not known yet
	falling bool          // the newest comes first
}

// add takes note of the next time.
func (c *course) add(t time.Time) {
	switch {
	case c.last.IsZero():
		c.rows, c.usual = 1, 1
	case t.Equal(c.last):
		c.rows++
	default:
		c.falling = t.Before(c.last)
		c.step = t.Sub(c.last).Abs()
		c.rows, c.usual = 1, c.rows
	}
	c.last = t
}

// second tells which of two moments is meant that one clock shows, by the rows
// before. Where the rows are as far apart as the moments, or farther, two rows
// of the same clock are these two, unless every row comes more than once.
func (c *course) second(early, late time.Time) bool {
	here, beyond := early, c.last.After(early)
	if c.falling {
		here, beyond = late, c.last.Before(late)
	}
	if c.last.Equal(here) {
		beyond = c.step == 0 || c.step >= late.Sub(early) && c.rows >= c.usual
	}
	return beyond != c.falling
}

// Layouts that say their own zone, of a date and a time, and of a date alone.
var (
	zonedLayouts = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05 Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02 15:04Z07:00", "2.1.2006 15:04:05Z07:00"}
	// A day comes before a month, where points are between them.
	localLayouts = []string{
		"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02",
		"2.1.2006 15:04:05.999999999", "2.1.2006 15:04", "2.1.2006", "2.1.06 15:04:05", "2.1.06 15:04", "2006/1/2 15:04:05", "2006/1/2 15:04", "2006/1/2",
		"20060102150405", "200601021504", "20060102",
	}
	// Of these, nothing but other rows tells which of two is meant.
	slashLayouts = [2][]string{
		{"2/1/2006 15:04:05", "2/1/2006 15:04", "2/1/2006", "2-1-2006 15:04:05", "2-1-2006 15:04", "2/1/06 15:04"},
		{"1/2/2006 15:04:05", "1/2/2006 15:04", "1/2/2006 3:04:05 PM", "1/2/2006 3:04 PM", "1/2/2006", "1/2/06 15:04"},
	}
	dayLayouts = []string{"15:04:05.999999999", "15:04"}
)

func (c *clock) read(text string, at *course) (record.Millis, error) {
	text = strings.TrimSpace(text)
	t, err := c.parse(text, at)
	if err != nil {
		return 0, err
	}
	at.add(t)
	ms := record.MillisOf(t) + c.shift
	if ms < record.MinTime || ms > record.MaxTime {
		return 0, fmt.Errorf("%w: %.60q", record.ErrTimeBounds, text)
	}
	return ms, nil
}

func (c *clock) parse(text string, at *course) (time.Time, error) {
	switch c.layout {
	case "unix", "unix_ms":
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.Abs(v) > 1e14 || v != v {
			return time.Time{}, fmt.Errorf("time %.60q is not a number of seconds or milliseconds since 1970", text)
		}
		if c.layout == "unix" {
			v *= 1000
		}
		return time.UnixMilli(int64(math.Round(v))), nil
	case "":
		if c.layout = layoutOf(text); c.layout == "" {
			return time.Time{}, fmt.Errorf("time %.60q is in no form that is known; say which layout it has", text)
		}
		return c.parse(text, at)
	}
	t, next, err := parseLayout(c.layout, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %.60q does not have the layout %q", text, c.layout)
	}
	if zoned(c.layout) {
		return t, nil
	}
	if next {
		t = t.AddDate(0, 0, 1)
	}
	return c.local(t, text, at)
}

// layoutOf gives the layout of a time, empty when none fits.
func layoutOf(text string) string {
	for _, all := range [][]string{zonedLayouts, localLayouts} {
		for _, l := range all {
			if t, _, err := parseLayout(l, text); err == nil && t.Year() >= 1900 && t.Year() < 2200 {
				return l
			}
		}
	}
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		if math.Abs(v) > 1e11 {
			return "unix_ms"
		}
		return "unix"
	}
	// Far off, and to be refused for that.
	for _, all := range [][]string{zonedLayouts, localLayouts} {
		for _, l := range all {
			if _, _, err := parseLayout(l, text); err == nil {
				return l
			}
		}
	}
	return ""
}

// parseLayout reads a time as if its clock were that of UTC. next tells that
// it was 24:00, the end of the day, of which its begin is given.
func parseLayout(layout, text string) (t time.Time, next bool, err error) {
	if t, err = time.Parse(layout, text); err == nil {
		return t, false, nil
	}
	if i := strings.LastIndex(text, "24:00"); i == 0 || i > 0 && (text[i-1] == ' ' || text[i-1] == 'T') {
		if strings.Trim(text[i+5:], ":.0") == "" {
			if t, terr := time.Parse(layout, text[:i]+"00:00"+text[i+5:]); terr == nil {
				return t, true, nil
			}
		}
	}
	return t, false, err
}

// zoned tells whether times of the layout say their zone.
func zoned(layout string) bool {
	return strings.Contains(layout, "Z07") || strings.Contains(layout, "-07") || strings.Contains(layout, "MST")
}

// local gives the moment at which the clock of the zone shows what t shows.
// One that there never was is an error; one that there was twice is the one
// that leaves the rows in order.
func (c *clock) local(t time.Time, text string, at *course) (time.Time, error) {
	if c.zone == time.UTC {
		return t, nil
	}
	const far = 26 * time.Hour
	var found [2]time.Time
	n := 0
	for _, near := range [2]time.Time{t.Add(-far), t.Add(far)} {
		_, offset := near.In(c.zone).Zone()
		x := t.Add(-time.Duration(offset) * time.Second)
		if _, there := x.In(c.zone).Zone(); there == offset && (n == 0 || !x.Equal(found[0])) {
			found[n] = x
			n++
		}
	}
	switch {
	case n == 0:
		return time.Time{}, fmt.Errorf("time %.60q does not exist in %s: clocks were set forward", text, c.zone)
	case n == 1:
		return found[0], nil
	}
	first, second := found[0], found[1]
	if second.Before(first) {
		first, second = second, first
	}
	if at.second(first, second) {
		return second, nil
	}
	return first, nil
}
