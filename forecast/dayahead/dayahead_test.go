package dayahead

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the zones, on machines that have none

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/internal/replay"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

var (
	nan   = math.NaN()
	exact = cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b })
)

func calendar(t testing.TB, zone string) window.Calendar {
	t.Helper()
	c, err := window.Load(zone)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// office is a part of a measured series.
func office(days int) (Series, window.Calendar) {
	o := replay.Offices()[1]
	return Series{o.Start, o.Step, o.Floats()[:24*days]}, window.In(o.Zone)
}

// TestTheFutureHasNoInfluence changes everything from a midnight on: what was said of
// the days before it, and of the day that begins then, stays the same to the bit.
func TestTheFutureHasNoInfluence(t *testing.T) {
	s, c := office(130)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range s.Values {
		if r.IntN(12) == 0 {
			s.Values[i] = nan
		}
	}
	before, err := Backtest(s, c, 0.2)
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{105, 112, 129} {
		other := s
		other.Values = slices.Clone(s.Values)
		for i := cut * 24; i < len(other.Values); i++ {
			other.Values[i] = -1e9 * r.Float64()
		}
		after, err := Backtest(other, c, 0.2)
		if err != nil {
			t.Fatal(err)
		}
		same := (cut - 104 + 1) * 24
		if d := cmp.Diff(before.Said[:same], after.Said[:same], exact); d != "" {
			t.Fatalf("cut at day %d: %s", cut, d)
		}
		if cut < 129 && cmp.Equal(before.Said, after.Said, exact) {
			t.Error("the past has no influence either")
		}
	}
}

// TestDaysWhenTheClockChanges forecasts them, from values that depend on the time of
// day alone.
func TestDaysWhenTheClockChanges(t *testing.T) {
	for _, x := range []struct {
		zone, day string
		step      int64
		n         int
	}{
		{"Europe/Berlin", "2026-03-29", hour, 23},
		{"Europe/Berlin", "2026-03-30", hour, 24},
		{"Europe/Berlin", "2026-10-25", hour, 25},
		{"Europe/Berlin", "2026-10-26", hour, 24},
		{"Europe/Berlin", "2026-03-29", hour / 4, 92},
		{"Europe/Berlin", "2026-10-25", hour / 4, 100},
		{"Australia/Lord_Howe", "2026-10-04", hour / 2, 47},
		{"America/Havana", "2026-03-08", hour, 23}, // begins at one
		{"Asia/Kolkata", "2026-03-08", hour, 24},
		{"", "2026-03-08", hour / 12, 288},
	} {
		c := calendar(t, x.zone)
		date, err := time.ParseInLocation("2006-01-02 15:04", x.day+" 12:00", c.Zone())
		if err != nil {
			t.Fatal(err)
		}
		span := c.Span(window.Day, record.MillisOf(date))
		s := Series{Start: span.From - 45*record.Millis(day), Step: x.step}
		s.Start -= record.Millis(int64(s.Start) % x.step)
		value := func(at record.Millis) float64 {
			return 100 + float64(slot(c, x.step, at)) + 50*float64(at.Time().In(c.Zone()).Weekday())
		}
		for at := s.Start; at < span.From; at += record.Millis(x.step) {
			s.Values = append(s.Values, value(at))
		}
		for _, kind := range []Kind{LastWeek, Profile, Ridge, Winters, Blend} {
			if x.step < hour/2 && kind != LastWeek && kind != Ridge {
				continue // takes long, and shows nothing more
			}
			m, err := Fit(kind, s, c)
			if err != nil {
				t.Fatal(err)
			}
			f, err := m.Day(span.From)
			if err != nil {
				t.Fatal(err)
			}
			if f.Day != span || len(f.Values) != x.n || f.Issued != span.From || f.Ahead != 1 {
				t.Fatalf("%s, %s: %d values of %v, issued %v", x.zone, kind, len(f.Values), f.Day, f.Issued)
			}
			for i, v := range f.Values {
				at := f.Start + record.Millis(int64(i)*f.Step)
				if want := value(at); (kind == LastWeek || kind == Profile) && math.Abs(v-want) > 1e-9 || math.Abs(v-want) > 40 {
					t.Errorf("%s %s, %s: %v at %v, want %v", x.zone, x.day, kind, v, at.Time().In(c.Zone()), want)
					break
				}
			}
		}
	}
}

// TestGaps leaves out values, hours and days.
func TestGaps(t *testing.T) {
	s, c := office(100)
	r := rand.New(rand.NewPCG(2, 2))
	whole, err := Backtest(s, c, 0.2)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Values {
		if d := i / 24; r.IntN(5) == 0 || d == 30 || d > 70 && d < 75 || d == 99 {
			s.Values[i] = nan
		}
	}
	rep, err := Backtest(s, c, 0.2)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Chosen.MAE > 1.5*whole.Chosen.MAE {
		t.Errorf("wrong by %v, and by %v without gaps", rep.Chosen.MAE, whole.Chosen.MAE)
	}
	for _, kind := range Kinds() {
		m, err := Fit(kind, s, c)
		if err != nil {
			t.Fatal(err)
		}
		f, err := m.Day(s.End())
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range f.Values {
			if v-v != 0 || v < 0 || f.Lower[i] > v || f.Upper[i] < v || f.Lower[i] < 0 {
				t.Fatalf("%s: %v between %v and %v", kind, v, f.Lower[i], f.Upper[i])
			}
		}
	}
}

// TestShortSeries goes from nothing to a month.
func TestShortSeries(t *testing.T) {
	whole, c := office(40)
	for _, n := range []int{0, 1, 23} {
		s := whole
		s.Values = s.Values[:n]
		if _, err := Choose(s, c); !errors.Is(err, ErrNothing) {
			t.Errorf("%d values: %v", n, err)
		}
	}
	for days := 1; days <= 40; days++ {
		s := whole
		s.Values = s.Values[:24*days]
		m, err := Choose(s, c)
		if err != nil {
			t.Fatal(err)
		}
		if days < 21 && m.Kind() != Mean7 {
			t.Errorf("%d days: %s", days, m.Kind())
		}
		f, err := m.Day(s.End())
		if err != nil {
			t.Fatal(err)
		}
		if (f.Lower == nil) != (days < ridgeFrom+fewest) {
			t.Errorf("%d days: bounds %v", days, f.Lower != nil)
		}
		for _, v := range f.Values {
			if v-v != 0 {
				t.Fatalf("%d days: %v", days, f.Values)
			}
		}
	}
	if _, err := Backtest(Series{whole.Start, hour, whole.Values[:24*27]}, c, 0.2); !errors.Is(err, ErrShort) {
		t.Error(err)
	}
	if _, err := Choose(Series{Step: hour, Values: nans(100)}, c); !errors.Is(err, ErrNothing) {
		t.Error(err)
	}
	for _, step := range []int64{0, -1, 7 * hour / 60, 2 * hour} {
		if _, err := Choose(Series{Step: step, Values: nans(100)}, c); err == nil {
			t.Errorf("intervals of %d ms", step)
		}
	}
	if _, err := Fit("crystal-ball", whole, c); err == nil {
		t.Error("a crystal ball")
	}
}

// TestSavedModels says the same after it was saved, and after both followed.
func TestSavedModels(t *testing.T) {
	all, c := office(100)
	for _, kind := range append(Kinds(), "") {
		s := all
		s.Values = s.Values[:24*90+7]
		m, err := Choose(s, c)
		if kind != "" {
			m, err = Fit(kind, s, c)
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Read(data, c)
		if err != nil {
			t.Fatal(kind, err)
		}
		for _, until := range []int{90*24 + 7, 90*24 + 9, 93*24 + 12, 100 * 24} {
			next := all
			next.Values = next.Values[:until]
			if until > 95*24 { // not all of it again
				next.Values, next.Start = next.Values[90*24:], next.Start+record.Millis(90*day)
			}
			for _, x := range []*Model{m, again} {
				if err := x.Follow(next); err != nil {
					t.Fatal(err)
				}
			}
			for ahead := range 3 {
				at := next.End() + record.Millis(int64(ahead)*day)
				a, err := m.Day(at)
				if err != nil {
					t.Fatal(err)
				}
				b, err := again.Day(at)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(a, b); d != "" {
					t.Fatalf("%s, %d days ahead: %s", kind, ahead, d)
				}
			}
		}
		if len(m.Scores()) == 0 || m.Known() != all.End() || !cmp.Equal(m.Scores(), again.Scores(), exact) {
			t.Errorf("%s: known until %v", kind, m.Known())
		}
	}
}

// TestFollowingIsFitting compares models that learn nothing.
func TestFollowingIsFitting(t *testing.T) {
	all, c := office(80)
	for i := 60*24 + 5; i < 62*24+3; i++ {
		all.Values[i] = nan
	}
	for _, kind := range []Kind{Yesterday, LastWeek, Mean7, Profile, ProfileLevel} {
		s := all
		s.Values = s.Values[:24*60+5]
		m, err := Fit(kind, s, c)
		if err != nil {
			t.Fatal(err)
		}
		rest := all
		rest.Values, rest.Start = all.Values[62*24+3:], all.Start+record.Millis((62*24+3)*hour)
		if err := m.Follow(rest); err != nil {
			t.Fatal(err)
		}
		want, err := Fit(kind, all, c)
		if err != nil {
			t.Fatal(err)
		}
		a, err := m.Day(all.End())
		if err != nil {
			t.Fatal(err)
		}
		b, err := want.Day(all.End())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(a.Values, b.Values); d != "" {
			t.Errorf("%s: %s", kind, d)
		}
	}
}

// TestTomorrowFromToday says tomorrow with the morning of today, and today as if it
// had not begun.
func TestTomorrowFromToday(t *testing.T) {
	all, c := office(60)
	s := all
	s.Values = slices.Clone(all.Values[:59*24+12])
	m, err := Fit(Yesterday, s, c)
	if err != nil {
		t.Fatal(err)
	}
	midnight := all.Start + record.Millis(59*day)
	today, err := m.Day(midnight + 1)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(today.Values, all.Values[58*24:59*24]); d != "" || today.Issued != midnight {
		t.Errorf("issued %v: %s", today.Issued, d)
	}
	tomorrow, err := m.Day(midnight + record.Millis(day))
	if err != nil {
		t.Fatal(err)
	}
	want := append(slices.Clone(all.Values[59*24:59*24+12]), all.Values[58*24+12:59*24]...)
	if d := cmp.Diff(tomorrow.Values, want); d != "" || tomorrow.Issued != s.End() || tomorrow.Ahead != 2 {
		t.Errorf("issued %v: %s", tomorrow.Issued, d)
	}
	if _, err := m.Day(midnight - 1); err == nil {
		t.Error("a day that is over was forecast")
	}
	if _, err := m.Day(midnight + record.Millis(8*day)); err == nil {
		t.Error("nine days ahead")
	}
	if _, err := m.Day(midnight + record.Millis(7*day)); err != nil {
		t.Error(err)
	}
	if err := m.Follow(Series{Start: all.Start + record.Millis(120*day), Step: hour, Values: []float64{1}}); err == nil {
		t.Error("two months without a value")
	}
	if err := m.Follow(Series{Start: all.Start + 1, Step: hour, Values: []float64{1}}); err == nil {
		t.Error("other intervals")
	}
}

// FuzzRead reads what may be no model, and asks it.
func FuzzRead(f *testing.F) {
	s, c := office(2)
	for i := range s.Values { // short documents
		s.Values[i] = float64(i % 10)
	}
	for _, kind := range []Kind{Mean7, Winters, Ridge, Blend} {
		m, err := Fit(kind, s, c)
		if err != nil {
			f.Fatal(err)
		}
		data, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"version":1,"kind":"mean-7","zone":"local","step":3600000,"days":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Read(data, c)
		if err != nil {
			return
		}
		fc, err := m.Day(m.Known())
		if err == nil && len(fc.Values) > 288 {
			t.Errorf("%d values", len(fc.Values))
		}
		if _, err := json.Marshal(m); err != nil {
			t.Error(err)
		}
	})
}

// BenchmarkChoose tries all models on a year of hours.
func BenchmarkChoose(b *testing.B) {
	h := replay.Homes()[0].Load
	s := Series{h.Start, h.Step, h.Floats()}
	for b.Loop() {
		if _, err := Choose(s, window.In(h.Zone)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDay asks a ridge for a day.
func BenchmarkDay(b *testing.B) {
	h := replay.Homes()[0].Load
	s := Series{h.Start, h.Step, h.Floats()}
	m, err := Fit(Ridge, s, window.In(h.Zone))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := m.Day(s.End() + record.Millis(hour)); err != nil {
			b.Fatal(err)
		}
	}
}
