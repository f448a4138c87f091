package window

import (
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

func TestMoment(t *testing.T) {
	c, err := Load("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"2026-03-29":                "2026-03-28T23:00:00Z",
		"2026-03-29T12:30":          "2026-03-29T10:30:00Z",
		"2026-03-29T12:30:15":       "2026-03-29T10:30:15Z",
		"2026-03-29T12:30:15.5Z":    "2026-03-29T12:30:15.5Z",
		"2026-03-29T12:30:15+05:45": "2026-03-29T06:45:15Z",
		"1772323200000":             "2026-03-01T00:00:00Z",
	} {
		at, err := time.Parse(time.RFC3339, want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Moment(text); err != nil || got != record.MillisOf(at) {
			t.Errorf("%s is %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{"": "neither RFC 3339", "20260101": "neither", "9999999999999999": "outside", "1969-01-01": "outside", "2200-01-01": "outside"} {
		if got, err := c.Moment(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	now := record.Millis(1772323200000)
	for text, back := range map[string]time.Duration{
		"now": 0, "now-90s": 90 * time.Second, "now-1h30m": 90 * time.Minute, "now-7d": 7 * 24 * time.Hour, "now-2w": 14 * 24 * time.Hour, "now-1.5d": 36 * time.Hour,
	} {
		if got, err := c.MomentAt(text, now); err != nil || got != now-record.Millis(back/time.Millisecond) {
			t.Errorf("%s is %v, %v", text, got, err)
		}
	}
	if got, err := c.MomentAt("2026-03-29", now); err != nil || got != 1774738800000 {
		t.Error(got, err)
	}
	for _, text := range []string{"now+1h", "now1h", "now-", "now-x", "now--1h", "now-1h1d", "now-999999w", "nowadays"} {
		if got, err := c.MomentAt(text, now); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
	if at, err := c.Between("2026-01-01", "2026-01-02"); err != nil || at.To-at.From != 24*hour {
		t.Error(at, err)
	}
	for _, x := range [][3]string{{"x", "2026-01-02", "from: "}, {"2026-01-02", "x", "to: "}, {"2026-01-02", "2026-01-02", "is not before"}} {
		if _, err := c.Between(x[0], x[1]); err == nil || !strings.HasPrefix(err.Error(), x[2]) && !strings.Contains(err.Error(), x[2]) {
			t.Errorf("%v: %v", x, err)
		}
	}
}

// TestMomentsTheClockLeavesOut reads dates that begin at one o'clock, and times
// that the clock never shows.
func TestMomentsTheClockLeavesOut(t *testing.T) {
	for _, x := range []struct{ zone, text, want string }{
		{"America/Havana", "2026-03-08", "2026-03-08T05:00:00Z"},
		{"America/Havana", "2026-03-08T00:00", "2026-03-08T05:00:00Z"},
		{"America/Havana", "2026-03-08T00:59:59", "2026-03-08T05:00:00Z"},
		{"America/Havana", "2026-03-08T01:30", "2026-03-08T05:30:00Z"},
		{"America/Havana", "2026-11-01", "2026-11-01T04:00:00Z"}, // its midnight comes twice
		{"America/Santiago", "2026-09-06", "2026-09-06T04:00:00Z"},
		{"Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z"},
		{"Asia/Beirut", "2026-03-29", "2026-03-28T22:00:00Z"},
		{"Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:00:00Z"},
		{"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"}, // there was none
	} {
		c := load(t, x.zone)
		want, err := time.Parse(time.RFC3339, x.want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Moment(x.text)
		if err != nil || got != record.MillisOf(want) {
			t.Errorf("%s in %s is %s, not %s; %v", x.text, x.zone, got, x.want, err)
		}
		if day := c.Span(Day, got); len(x.text) == len(time.DateOnly) && day.From != got {
			t.Errorf("%s in %s is %s, and its day begins at %s", x.text, x.zone, got, day.From)
		}
	}
}
