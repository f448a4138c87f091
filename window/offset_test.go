package window

import (
	"testing"

	"github.com/wattwerk/wattwerk/record"
)

// TestOffsetsAreThoseOfTheClock asks for times that begin and end anywhere, and
// looks at the clock at the begin of each quarter.
func TestOffsetsAreThoseOfTheClock(t *testing.T) {
	for _, zone := range zones {
		c := load(t, zone)
		from, to := at(t, c, "2009-10-01 00:00")+1, at(t, c, "2012-04-20 00:00")+7
		next := from
		for i, s := range c.Offsets(from, to) {
			if s.From != next || s.To <= s.From {
				t.Fatalf("%s: %d is from %s to %s, after %s", zone, i, s.From, s.To, next)
			}
			next = s.To
			for q := (s.From + QuarterLength - 1) / QuarterLength * QuarterLength; q < s.To; q += QuarterLength {
				if _, o := q.Time().In(c.Zone()).Zone(); int64(o)*1000 != s.Offset {
					t.Fatalf("%s: at %s the offset is %d s, not %d ms", zone, q, o, s.Offset)
				}
			}
		}
		if next != to {
			t.Errorf("%s: it ends at %s", zone, next)
		}
		if n := len(c.Offsets(record.MinTime, record.MaxTime)); zone == "Europe/Berlin" && n < 240 || zone == "UTC" && n != 1 {
			t.Errorf("%s: %d offsets", zone, n)
		}
	}
	if c := load(t, "Europe/Berlin"); c.Offsets(5, 5) != nil {
		t.Error("nothing has an offset")
	}
}
