package window

import (
	"fmt"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the zones, on machines that have none

	"github.com/wattwerk/wattwerk/record"
)

// zones are those with something particular: offsets that are no whole hours,
// changes by half an hour, at midnight, of whole days, all year, and none at all.
var zones = []string{
	"", "Europe/Berlin", "Europe/London", "Europe/Dublin", "Europe/Lisbon", "Europe/Istanbul", "Europe/Moscow", "Europe/Volgograd",
	"America/New_York", "America/St_Johns", "America/Goose_Bay", "America/Moncton", "America/Havana", "America/Sao_Paulo", "America/Caracas",
	"America/Asuncion", "America/Nuuk", "America/Scoresbysund", "America/Santiago", "America/Phoenix", "America/Anchorage",
	"Africa/Monrovia", "Africa/Casablanca", "Africa/El_Aaiun", "Africa/Cairo", "Africa/Juba",
	"Asia/Kathmandu", "Asia/Kolkata", "Asia/Tehran", "Asia/Gaza", "Asia/Amman", "Asia/Beirut", "Asia/Pyongyang", "Asia/Seoul", "Asia/Manila",
	"Australia/Lord_Howe", "Australia/Adelaide", "Australia/Eucla", "Antarctica/Troll", "Antarctica/Casey",
	"Pacific/Apia", "Pacific/Kiritimati", "Pacific/Kwajalein", "Pacific/Chatham", "Pacific/Norfolk", "Pacific/Marquesas", "Atlantic/Azores",
}

func load(t testing.TB, zone string) Calendar {
	t.Helper()
	c, err := Load(zone)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// at reads a time of the calendar's clock, with its offset where that is not clear.
func at(t testing.TB, c Calendar, text string) record.Millis {
	t.Helper()
	if v, err := time.Parse("2006-01-02 15:04Z07:00", text); err == nil {
		return record.MillisOf(v)
	}
	v, err := time.ParseInLocation("2006-01-02 15:04", text, c.Zone())
	if err != nil {
		t.Fatal(err)
	}
	return record.MillisOf(v)
}

func (s Span) in(c Calendar) string {
	const form = "2006-01-02 15:04Z07:00"
	return s.From.Time().In(c.Zone()).Format(form) + " to " + s.To.Time().In(c.Zone()).Format(form)
}

func TestQuartersOfTheDaysTheClockChanges(t *testing.T) {
	for _, k := range []struct {
		zone, day string
		quarters  int32
		hours     int
	}{
		{"", "2024-03-31", 96, 24},
		{"Europe/Berlin", "2024-03-30", 96, 24},
		{"Europe/Berlin", "2024-03-31", 92, 23},
		{"Europe/Berlin", "2024-10-27", 100, 25},
		{"America/New_York", "2024-03-10", 92, 23},
		{"America/New_York", "2024-11-03", 100, 25},
		{"Australia/Lord_Howe", "2024-04-07", 98, 25}, // one of the hours is half of one
		{"Australia/Lord_Howe", "2024-10-06", 94, 24},
		{"Asia/Kathmandu", "2024-03-31", 96, 24},
		{"Asia/Kathmandu", "1986-01-01", 95, 24}, // from +05:30 to +05:45
		{"America/Havana", "2024-03-10", 92, 23}, // there is no midnight
		{"America/Havana", "2024-11-03", 100, 25},
		{"America/Sao_Paulo", "2018-02-17", 100, 25}, // midnight is put back
		{"America/Sao_Paulo", "2018-11-04", 92, 23},
		{"America/St_Johns", "2011-03-13", 92, 24},
		{"Antarctica/Troll", "2024-03-31", 88, 22}, // by two hours
		{"Pacific/Apia", "2011-12-31", 96, 24},
	} {
		c := load(t, k.zone)
		s := c.Span(Day, at(t, c, k.day+" 12:00"))
		first, end := s.Quarters()
		hours := 0
		for range c.Spans(Hour, s.From, s.To) {
			hours++
		}
		if end-first != k.quarters || s.Length() != int64(k.quarters)*QuarterLength || hours != k.hours {
			t.Errorf("%s %s: %s has %d quarters and %d hours, want %d and %d", k.zone, k.day, s.in(c), end-first, hours, k.quarters, k.hours)
		}
	}
}

func TestSpansOfSizes(t *testing.T) {
	for _, k := range []struct {
		zone string
		size Size
		at   string
		want string
	}{
		{"Europe/Berlin", FiveMinutes, "2024-05-05 10:04", "2024-05-05 10:00+02:00 to 2024-05-05 10:05+02:00"},
		{"Europe/Berlin", Quarter, "2024-05-05 10:44", "2024-05-05 10:30+02:00 to 2024-05-05 10:45+02:00"},
		{"Asia/Kathmandu", HalfHour, "2024-05-05 10:29", "2024-05-05 10:00+05:45 to 2024-05-05 10:30+05:45"},
		{"Asia/Kathmandu", Hour, "2024-05-05 10:59", "2024-05-05 10:00+05:45 to 2024-05-05 11:00+05:45"},
		{"Asia/Kathmandu", Day, "2024-05-05 00:00", "2024-05-05 00:00+05:45 to 2024-05-06 00:00+05:45"},
		// The hour that is repeated is two.
		{"Europe/Berlin", Hour, "2024-10-27 02:30+02:00", "2024-10-27 02:00+02:00 to 2024-10-27 02:00+01:00"},
		{"Europe/Berlin", Hour, "2024-10-27 02:30+01:00", "2024-10-27 02:00+01:00 to 2024-10-27 03:00+01:00"},
		// The one that is skipped is none.
		{"Europe/Berlin", Hour, "2024-03-31 01:59+01:00", "2024-03-31 01:00+01:00 to 2024-03-31 03:00+02:00"},
		{"America/New_York", Hour, "2024-11-03 01:10-05:00", "2024-11-03 01:00-05:00 to 2024-11-03 02:00-05:00"},
		// Lord Howe Island puts its clock from 2:00 back to 1:30, and on to 2:30.
		{"Australia/Lord_Howe", Hour, "2024-04-07 01:40+11:00", "2024-04-07 01:00+11:00 to 2024-04-07 01:30+10:30"},
		{"Australia/Lord_Howe", Hour, "2024-04-07 01:40+10:30", "2024-04-07 01:30+10:30 to 2024-04-07 02:00+10:30"},
		{"Australia/Lord_Howe", Hour, "2024-10-06 02:40+11:00", "2024-10-06 02:30+11:00 to 2024-10-06 03:00+11:00"},
		{"Australia/Lord_Howe", HalfHour, "2024-04-07 01:40+10:30", "2024-04-07 01:30+10:30 to 2024-04-07 02:00+10:30"},
		// Newfoundland did so at one minute past midnight: the minute is of the day
		// before, and the hour's bound moves to the quarter's end.
		{"America/St_Johns", Day, "2010-11-07 00:00-02:30", "2010-11-06 00:00-02:30 to 2010-11-07 00:00-03:30"},
		{"America/St_Johns", Day, "2010-11-07 00:00-03:30", "2010-11-07 00:00-03:30 to 2010-11-08 00:00-03:30"},
		{"America/St_Johns", Hour, "2011-03-13 00:00-03:30", "2011-03-13 00:00-03:30 to 2011-03-13 01:15-02:30"},
		{"America/St_Johns", Hour, "2011-03-13 01:20-02:30", "2011-03-13 01:15-02:30 to 2011-03-13 02:00-02:30"},
		{"Europe/Berlin", Week, "2024-12-31 10:00", "2024-12-30 00:00+01:00 to 2025-01-06 00:00+01:00"},
		{"Europe/Berlin", Week, "2024-03-31 23:59", "2024-03-25 00:00+01:00 to 2024-04-01 00:00+02:00"},
		{"Europe/Berlin", Month, "2024-02-29 10:00", "2024-02-01 00:00+01:00 to 2024-03-01 00:00+01:00"},
		{"Europe/Berlin", Month, "2024-12-31 23:59", "2024-12-01 00:00+01:00 to 2025-01-01 00:00+01:00"},
		{"America/New_York", Year, "2024-07-01 10:00", "2024-01-01 00:00-05:00 to 2025-01-01 00:00-05:00"},
		// Samoa went over the date line: there was no 30 December.
		{"Pacific/Apia", Day, "2011-12-29 10:00", "2011-12-29 00:00-10:00 to 2011-12-31 00:00+14:00"},
		{"Pacific/Apia", Day, "2011-12-31 10:00", "2011-12-31 00:00+14:00 to 2012-01-01 00:00+14:00"},
		{"Pacific/Apia", Week, "2011-12-31 10:00", "2011-12-26 00:00-10:00 to 2012-01-02 00:00+14:00"},
		// Liberia was 44 minutes and 30 seconds behind until 1972.
		{"Africa/Monrovia", Day, "1971-06-01 12:00", "1971-06-01 00:00-00:44 to 1971-06-02 00:00-00:44"},
	} {
		c := load(t, k.zone)
		got := c.Span(k.size, at(t, c, k.at)).in(c)
		if got != k.want {
			t.Errorf("%s %s at %s: got %s, want %s", k.zone, k.size, k.at, got, k.want)
		}
	}
}

// follow walks through the windows of a size and holds each against the clock
// on the wall.
func follow(t *testing.T, zone string, size Size, from, to record.Millis) {
	t.Helper()
	c := load(t, zone)
	s := c.Span(size, from)
	if !s.Holds(from) {
		t.Fatalf("%s %s: %s does not hold %s", zone, size, s.in(c), from)
	}
	mark := func(at record.Millis) string {
		l := at.Time().In(c.Zone())
		_, offset := l.Zone()
		switch size {
		case HalfHour:
			return fmt.Sprint(l.Format("2006-01-02 15"), l.Minute()/30, offset)
		case Hour:
			return fmt.Sprint(l.Format("2006-01-02 15 "), offset)
		case Day:
			return l.Format("2006-01-02")
		case Week:
			y, w := l.ISOWeek()
			return fmt.Sprint(y, w)
		case Month:
			return l.Format("2006-01")
		case Year:
			return l.Format("2006")
		}
		return fmt.Sprint(at / (QuarterLength / 3) * 3 / record.Millis(map[Size]int{FiveMinutes: 3, Quarter: 1}[size]))
	}
	var before string
	for i := 0; s.From < to; i++ {
		n := c.Next(size, s)
		if n.From != s.To || s.Length() <= 0 || s.Length() > size.Longest()+24*hour {
			t.Fatalf("%s %s: after %s comes %s", zone, size, s.in(c), n.in(c))
		}
		if i > 0 && c.Prev(size, n) != s {
			t.Fatalf("%s %s: before %s comes %s, not %s", zone, size, n.in(c), c.Prev(size, n).in(c), s.in(c))
		}
		if size > FiveMinutes && (s.From%QuarterLength != 0 || s.To%QuarterLength != 0) {
			t.Fatalf("%s %s: %s is not made of quarters", zone, size, s.in(c))
		}
		last := record.Millis(QuarterLength)
		if size == FiveMinutes {
			last /= 3
		}
		first, end := mark(s.From), mark(s.To-last)
		if first != end {
			t.Fatalf("%s %s: %s begins with %s and ends with %s", zone, size, s.in(c), first, end)
		}
		if end == before {
			t.Fatalf("%s %s: %s is as the window before", zone, size, s.in(c))
		}
		for _, at := range []record.Millis{s.From, s.From + 1, s.From + record.Millis(s.Length()/2), s.To - 1} {
			if g := c.Span(size, at); g != s {
				t.Fatalf("%s %s: %s is in %s, not in %s", zone, size, at, g.in(c), s.in(c))
			}
		}
		before, s = end, n
	}
}

// changes are the times from 1970 to 2100 at which the clock is set.
func changes(c Calendar) (out []record.Millis) {
	for at := int64(record.MinTime); at < int64(record.MaxTime); {
		s := c.around(at)
		if s.to > at+reach {
			at += reach
			continue
		}
		out = append(out, record.Millis(s.to))
		at = s.to
	}
	return out
}

func TestDatesNeverOverlapNorLeaveHoles(t *testing.T) {
	for _, zone := range zones {
		c := load(t, zone)
		for s := c.Span(Day, record.MinTime); s.From < record.MaxTime; {
			n := c.Next(Day, s)
			if n.From != s.To || n.Length() < 20*hour || n.Length() > 2*dayLength {
				t.Fatalf("%s: after %s comes %s", zone, s.in(c), n.in(c))
			}
			s = n
		}
		follow(t, zone, Month, record.MinTime, record.MaxTime)
		follow(t, zone, Year, record.MinTime, record.MaxTime)
	}
}

// Between two changes of the clock one hour is as the other.
func TestNothingIsLostWhenTheClockChanges(t *testing.T) {
	for _, zone := range zones {
		set := changes(load(t, zone))
		for _, at := range append(set, record.MinTime+dayLength, record.MaxTime-dayLength) {
			follow(t, zone, HalfHour, at-hour, at+hour)
			follow(t, zone, Hour, at-2*hour, at+2*hour)
			follow(t, zone, Day, at-dayLength, at+dayLength)
		}
		follow(t, zone, FiveMinutes, record.MinTime, record.MinTime+hour)
		follow(t, zone, Quarter, record.MinTime, record.MinTime+hour)
		follow(t, zone, Week, record.MinTime, record.MinTime+10*365*dayLength)
		if n := len(set); zone == "Europe/Berlin" && (n < 240 || n > 250) {
			t.Errorf("%s: the clock changes %d times", zone, n)
		}
	}
}

func TestLargerWindowsConsistOfSmaller(t *testing.T) {
	nested := [][2]Size{{Quarter, FiveMinutes}, {HalfHour, Quarter}, {Day, HalfHour}, {Day, Hour}, {Week, Day}, {Month, Day}, {Year, Month}}
	for _, zone := range zones {
		c := load(t, zone)
		for _, n := range nested {
			s := c.Span(n[0], at(t, c, "2011-03-01 12:00"))
			for s.From < at(t, c, "2012-01-10 00:00") {
				inner := slices.Collect(c.Spans(n[1], s.From, s.To))
				if inner[0].From != s.From || inner[len(inner)-1].To != s.To {
					t.Fatalf("%s: the %s %s is not made of whole %s", zone, n[0], s.in(c), n[1])
				}
				s = c.Next(n[0], s)
				if n[0] < Day {
					s = c.Span(n[0], s.From+record.Millis(37*hour))
				}
			}
		}
	}
}

func TestSpansTouchWhatIsAskedFor(t *testing.T) {
	c := load(t, "Europe/Berlin")
	from, to := at(t, c, "2024-05-05 10:10"), at(t, c, "2024-05-05 12:00")
	var got []string
	for s := range c.Spans(Hour, from, to) {
		got = append(got, s.From.Time().In(c.Zone()).Format("15:04"))
	}
	if !slices.Equal(got, []string{"10:00", "11:00"}) {
		t.Error(got)
	}
	for range c.Spans(Day, to, from) {
		t.Error("nothing was asked for")
	}
	for range c.Spans(Day, from, to+record.Millis(100*24*hour)) {
		break
	}
}

func TestQuarterNumbers(t *testing.T) {
	for _, k := range []struct {
		t record.Millis
		n int32
	}{{0, 0}, {QuarterLength - 1, 0}, {QuarterLength, 1}, {-1, -1}, {-QuarterLength, -1}, {record.MaxTime, 4558272}} {
		if got := QuarterOf(k.t); got != k.n || !QuarterSpan(got).Holds(k.t) {
			t.Errorf("the quarter of %d is %d, %v", k.t, got, QuarterSpan(got))
		}
	}
}

func TestSizesInText(t *testing.T) {
	for _, s := range Sizes() {
		text, err := s.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back Size
		if err := back.UnmarshalText(text); err != nil || back != s || s.String() != string(text) {
			t.Errorf("%s became %s, %v", text, back, err)
		}
	}
	var s Size
	if err := s.UnmarshalText([]byte("2h")); err == nil {
		t.Error("2h is no size")
	}
	if _, err := Size(0).MarshalText(); err == nil || Size(99).Longest() != 0 {
		t.Error("0 is no size")
	}
	if _, err := Load("Europe/Atlantis"); err == nil {
		t.Error("there is no Atlantis")
	}
	if In(nil).Zone() != time.UTC {
		t.Error("no zone is UTC")
	}
}

func BenchmarkSpanOfDay(b *testing.B) {
	c := load(b, "Europe/Berlin")
	for i := range b.N {
		c.Span(Day, record.Millis(i)*QuarterLength%record.MaxTime)
	}
}
