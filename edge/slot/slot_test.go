package slot

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/obis"
	"github.com/wattwerk/wattwerk/survey/household"
)

const id = "6f1d2c9a-0b6e-4c53-9f57-2f4f0c3e8a11"

var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func settings(t testing.TB, s Settings) Settings {
	t.Helper()
	if err := s.Complete(); err != nil {
		t.Fatal(err)
	}
	return s
}

// said is a telegram with counters that show the time.
func said(at time.Time) *meter.Telegram {
	n := meter.Signed(at.Unix() - day.Unix())
	return &meter.Telegram{Lock: meter.LockOpen, Readings: []meter.Reading{
		{Code: obis.Power, Raw: meter.Signed(-5), Scaler: -2, Unit: obis.Watt},
		{Code: obis.Import, Raw: n, Scaler: -1, Unit: obis.WattHour, Status: 0x182, HasStatus: true},
		{Code: obis.Code{1, 0, 96, 1, 0, 255}, Kind: meter.Text, Octets: []byte("x")},
		{Code: obis.Code{1, 0, 1, 8, 1, 255}, Raw: n, Unit: obis.WattHour},
		{Code: obis.Export, Raw: meter.Unsigned(1 << 63), Unit: obis.WattHour},
	}}
}

func TestFirstReadingStandsForASlot(t *testing.T) {
	a := New(settings(t, Settings{}), id, nil)
	at := day.Add(12*time.Hour + 15*time.Minute)
	for s := 2 * time.Second; s < 15*time.Minute; s += 4 * time.Second {
		a.Take(at.Add(s), said(at.Add(s)))
		due := a.Due(at.Add(s))
		if (len(due) > 0) != (s == 62*time.Second) {
			t.Fatalf("after %v: %v", s, due)
		}
		if len(due) == 0 {
			continue
		}
		want := []Slot{{Meter: id, At: at, Lock: meter.LockOpen, Measurements: []household.Measurement{
			{Meter: id, Slot: at, OBIS: "0100010800ff", Raw: at.Unix() - day.Unix() + 2, Scaler: -1, Unit: "Wh", Status: new(int64(0x182))},
			{Meter: id, Slot: at, OBIS: "0100100700ff", Raw: -5, Scaler: -2, Unit: "W"},
		}}}
		if d := cmp.Diff(want, due); d != "" {
			t.Error(d)
		}
	}
	if d := cmp.Diff(Coverage{{at.Unix(), at.Unix() + 900}}, a.Covered()); d != "" {
		t.Error(d)
	}
}

// TestCodesOfSeveralTelegrams: a slot takes each code from the first telegram that has it.
func TestCodesOfSeveralTelegrams(t *testing.T) {
	a := New(settings(t, Settings{}), id, nil)
	one := func(c obis.Code, raw int64) *meter.Telegram {
		return &meter.Telegram{Readings: []meter.Reading{{Code: c, Raw: meter.Signed(raw), Unit: obis.WattHour}}}
	}
	a.Take(day, one(obis.Import, 1))
	a.Take(day.Add(time.Second), one(obis.Export, 2))
	a.Take(day.Add(2*time.Second), one(obis.Import, 3))
	if next := a.Next(); !next.Equal(day.Add(time.Minute)) {
		t.Error(next)
	}
	due := a.Due(day.Add(time.Minute))
	if len(due) != 1 || len(due[0].Measurements) != 2 || due[0].Measurements[0].Raw != 1 || due[0].Measurements[1].Raw != 2 {
		t.Errorf("%+v", due)
	}
}

func TestWithin(t *testing.T) {
	a := New(settings(t, Settings{Within: 5 * time.Minute, Collect: time.Second}), id, nil)
	late := day.Add(5 * time.Minute)
	a.Take(late, said(late))
	if a.Wants(late) || len(a.Due(late.Add(time.Hour))) != 0 {
		t.Error("a slot was measured that nobody saw begin")
	}
}

// TestClock: whatever the clock does, no slot is measured twice, and none is spoilt that is
// still to come.
func TestClock(t *testing.T) {
	a := New(settings(t, Settings{Collect: time.Second}), id, nil)
	var got []string
	read := func(at time.Duration) {
		now := day.Add(at)
		a.Take(now, said(now))
		for _, s := range a.Due(now) {
			got = append(got, s.At.Format("15:04"))
		}
	}
	both := func(at time.Duration) { read(at); read(at + 2*time.Second) }
	both(12 * time.Hour)
	both(12*time.Hour + 45*time.Minute) // forwards: two slots are missed
	both(12*time.Hour + 7*time.Minute)  // backwards into what was measured
	both(12*time.Hour + 15*time.Minute) // what was missed comes
	read(13 * time.Hour)                // is being collected
	both(12*time.Hour + 30*time.Minute) // and was not 13:00 at all
	both(13 * time.Hour)
	both(400 * 24 * time.Hour) // far ahead
	both(13*time.Hour + 15*time.Minute)
	if d := cmp.Diff([]string{"12:00", "12:45", "12:15", "12:30", "13:00", "00:00", "13:15"}, got); d != "" {
		t.Error(d)
	}
	gaps := a.Covered().Gaps(day.Add(12*time.Hour), day.Add(400*24*time.Hour))
	if d := cmp.Diff([]Span{{day.Add(13*time.Hour + 30*time.Minute).Unix(), day.Add(400 * 24 * time.Hour).Unix()}}, gaps); d != "" {
		t.Error(d)
	}
}

// TestDay: a day has 96 slots, each once, with restarts at any time that keep the coverage
// and nothing else.
func TestDay(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 1))
		set := settings(t, Settings{})
		var kept Coverage // what is on the disk
		a := New(set, id, nil)
		var slots []Slot
		for now := day; now.Before(day.Add(24*time.Hour + 2*time.Minute)); now = now.Add(time.Second + time.Duration(r.IntN(4000))*time.Millisecond) {
			a.Take(now, said(now))
			for _, s := range a.Due(now) {
				if r.IntN(20) == 0 { // killed before it is stored
					a = New(set, id, kept)
					break
				}
				slots = append(slots, s)
				kept = kept.Add(SpanOf(s.At, set.Interval))
			}
			if r.IntN(200) == 0 {
				a = New(set, id, kept)
			}
		}
		for i, s := range slots {
			want := day.Add(time.Duration(i) * household.Quarter)
			if !s.At.Equal(want) || len(s.Measurements) != 2 {
				t.Fatalf("seed %d: slot %d is %v with %d measurements", seed, i, s.At, len(s.Measurements))
			}
			if late := s.Measurements[0].Raw - (want.Unix() - day.Unix()); late < 0 || late >= 900 {
				t.Fatalf("seed %d: what stands for %v was read %d s after it began", seed, want, late)
			}
		}
		if len(slots) != 97 { // the first of the next day is collected too
			t.Errorf("seed %d: %d slots", seed, len(slots))
		}
		if d := cmp.Diff(Coverage{{day.Unix(), day.Add(24*time.Hour + household.Quarter).Unix()}}, kept); d != "" {
			t.Error(d)
		}
	}
}

// TestNeverTwice steps the clock at random, forwards and back, and restarts.
func TestNeverTwice(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 2))
		set := settings(t, Settings{Collect: 10 * time.Second})
		var kept Coverage
		a := New(set, id, nil)
		seen := make(map[time.Time]bool)
		now := day
		for range 3000 {
			if now = now.Add(time.Duration(r.IntN(60)) * time.Second); r.IntN(100) == 0 {
				now = now.Add(time.Duration(r.IntN(10*3600)-5*3600) * time.Second)
			}
			a.Take(now, said(now))
			for _, s := range a.Due(now) {
				if seen[s.At] {
					t.Fatalf("seed %d: %v came twice", seed, s.At)
				}
				seen[s.At] = true
				kept = kept.Add(SpanOf(s.At, set.Interval))
			}
			if r.IntN(100) == 0 {
				a = New(set, id, kept)
			}
		}
		n := int64(0)
		for _, s := range kept {
			n += (s.To - s.From) / 900
		}
		if n != int64(len(seen)) || n < 30 {
			t.Errorf("seed %d: %d slots, %d covered", seed, len(seen), n)
		}
	}
}

// TestCoverage compares with a set of slots.
func TestCoverage(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	var c Coverage
	set := make(map[int64]bool)
	for range 2000 {
		from := int64(r.IntN(300))
		to := from + int64(r.IntN(4))
		c = c.Add(Span{from, to})
		for i := from; i < to; i++ {
			set[i] = true
		}
		for i := range int64(304) {
			if c.Overlaps(Span{i, i + 1}) != set[i] {
				t.Fatalf("%v: %d", c, i)
			}
		}
		gaps := 0
		for _, g := range c.Gaps(time.Unix(0, 0), time.Unix(304, 0)) {
			gaps += int(g.To - g.From)
		}
		if gaps != 304-len(set) {
			t.Fatalf("%v: gaps of %d", c, gaps)
		}
	}
	c = nil
	for i := range int64(1000) {
		c = c.Add(Span{10 * i, 10*i + 1})
	}
	if len(c) != MaxSpans || !c.Overlaps(Span{0, 1}) || !c.Overlaps(Span{5, 6}) || c.Overlaps(Span{9985, 9986}) || !c.End().Equal(time.Unix(9991, 0)) {
		t.Error(len(c))
	}
	if u := (Coverage{{0, 1}}).Union(Coverage{{5, 6}, {1, 2}}); fmt.Sprint(u) != "[{0 2} {5 6}]" {
		t.Error(u)
	}
}

func TestSettings(t *testing.T) {
	for _, s := range []Settings{
		{Interval: time.Minute}, {Interval: 7 * household.Quarter}, {Interval: -household.Quarter}, {Within: time.Hour}, {Collect: time.Hour},
		{Codes: []obis.Code{{}}},
	} {
		if s.Complete() == nil {
			t.Errorf("%+v is taken", s)
		}
	}
	if s := settings(t, Settings{Interval: time.Hour}); s.Within != time.Hour || len(s.Codes) != 6 {
		t.Errorf("%+v", s)
	}
}
