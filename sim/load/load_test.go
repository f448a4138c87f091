package load

import (
	"strings"
	"testing"
	"time"
)

var begin = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// TestHousehold: a day is like that of a household, and always the same.
func TestHousehold(t *testing.T) {
	for seed := range uint64(4) {
		c := Counter{Curve: Household{Seed: seed}, Begin: begin}
		year := c.At(begin.AddDate(1, 0, 0))
		if kWh := float64(year.Import) / 3.6e9; kWh < 1500 || kWh > 7000 || year.Export != 0 {
			t.Errorf("household %d draws %.0f kWh a year and feeds in %d", seed, kWh, year.Export)
		}
		roof := Counter{Curve: Household{Seed: seed, PV: 5000}, Begin: begin}
		sunny := roof.At(begin.AddDate(1, 0, 0))
		if kWh := float64(sunny.Export) / 3.6e9; kWh < 1000 || kWh > 8000 || sunny.Import >= year.Import {
			t.Errorf("household %d with panels feeds in %.0f kWh a year and draws %d", seed, kWh, sunny.Import)
		}
		if night := begin.Add(2 * time.Hour); roof.Curve.Power(night) != c.Curve.Power(night) {
			t.Errorf("household %d: the sun shines at night", seed)
		}
	}
}

// TestCounter: it does not matter when it is asked, nor how often.
func TestCounter(t *testing.T) {
	curve := Household{Seed: 7, PV: 3000}
	often := Counter{Curve: curve, Begin: begin, From: State{Import: 5, Export: 6}}
	for at := begin; at.Before(begin.Add(50 * time.Hour)); at = at.Add(7 * time.Second) {
		often.At(at)
	}
	at := begin.Add(50*time.Hour + 3*time.Second)
	want := (&Counter{Curve: curve, Begin: begin, From: State{Import: 5, Export: 6}}).At(at)
	if got := often.At(at); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := often.At(begin.Add(-time.Hour)); got.Import != 5 || got.Export != 6 {
		t.Errorf("before the beginning: %+v", got)
	}
	if got := often.At(at); got != want {
		t.Errorf("after going back: %+v, want %+v", got, want)
	}
}

func TestSeries(t *testing.T) {
	s, err := ReadSeries(strings.NewReader("time,watts\n2026-06-01T00:00:00Z, 100\n2026-06-01T00:15:00Z;-50.5\n\n2026-06-01T00:30:00Z,0\n"))
	if err != nil {
		t.Fatal(err)
	}
	for minutes, want := range map[int]int64{0: 100_000, 14: 100_000, 15: -50_500, 30: 0, 44: 0, 45: 100_000, 60: -50_500, -1: 0, -45: 100_000} {
		if got := s.Power(begin.Add(time.Duration(minutes) * time.Minute)); got != want {
			t.Errorf("after %d minutes: got %d, want %d", minutes, got, want)
		}
	}
	if s.Step() != time.Minute {
		t.Errorf("a step is %v", s.Step())
	}
	c := Counter{Curve: s, Begin: begin}
	if got := c.At(begin.Add(45 * time.Minute)); got.Import != 100_000*900 || got.Export != 50_500*900 {
		t.Errorf("got %+v", got)
	}
	for text, says := range map[string]string{
		"": "less than two", "1,2\n": "less than two", "1,2\n1,2\n": "not later", "1,2\nx,2\n": "line 2", "1\n": "no comma", "1,2\n2,1e12\n": "line 2", "1,2\n2,NaN\n": "line 2", "1,1\n-5,1\n": "line 2",
	} {
		if _, err := ReadSeries(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want %q", text, err, says)
		}
	}
	if s, err := ReadSeries(strings.NewReader("10,1\n20,2\n")); err != nil || s.Step() != time.Second {
		t.Errorf("got %+v, %v", s, err)
	}
}

func FuzzSeries(f *testing.F) {
	f.Add("time,watts\n2026-06-01T00:00:00Z, 100\n2026-06-01T00:15:00Z;-50.5\n", int64(5))
	f.Add("1,2\n3,4", int64(-5))
	f.Fuzz(func(t *testing.T, text string, at int64) {
		s, err := ReadSeries(strings.NewReader(text))
		if err != nil {
			return
		}
		s.Power(time.Unix(at%(1<<40), 0))
	})
}
