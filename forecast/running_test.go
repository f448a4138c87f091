package forecast

import (
	"fmt"
	"math"
	"testing"

	"github.com/wattwerk/wattwerk/record"
)

func TestRunning(t *testing.T) {
	const minute = 60_000
	run := func(power func(s float64) float64, until record.Millis) *Running {
		d := &Running{Size: 15 * minute, Trend: 3 * minute, MaxAge: minute}
		for at := record.Millis(0); at <= until; at += 10_000 {
			d.Add(at, power(float64(at)/1000))
		}
		return d
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-6*max(1, math.Abs(want)) {
			t.Errorf("%s is %v, not %v", what, got, want)
		}
	}
	d := run(func(float64) float64 { return 100 }, 5*minute)
	near("mean of what stays", d.Last().Mean, 100)
	near("forecast of what stays", d.Forecast(), 100)
	near("what may be drawn still", d.Last().Left(100), 100)
	near("what may be drawn still for less", d.Last().Left(60), 40)
	// A ramp of 1 a second: it was seen to rise for three minutes, so it is
	// believed to for three more.
	d = run(func(s float64) float64 { return s }, 5*minute)
	near("forecast of a ramp", d.Forecast(), (145*300+ // what was held so far
		(300+180./2)*180+(300+180)*420)/900)
	// A step is no direction.
	d = run(func(s float64) float64 {
		if s < 240 {
			return 80
		}
		return 140
	}, 5*minute)
	if f := d.Forecast(); f < 120 || f > 124+1e-9 {
		t.Errorf("forecast after a step is %v", f)
	}
	// A new window begins with nothing, and what holds goes on into it.
	d = run(func(float64) float64 { return 100 }, 16*minute)
	near("mean of the next window", d.Last().Mean, 100)
	if v := d.Last(); v.From != 15*minute || v.To != 30*minute || v.Known != minute {
		t.Errorf("the next window is %+v", v)
	}
	// Null is not zero: what is known counts for what is not.
	d = run(func(s float64) float64 {
		if s >= 120 && s < 240 {
			return math.NaN()
		}
		return 100
	}, 5*minute)
	near("mean with a gap", d.Last().Mean, 100)
	if d.Known != 3*minute {
		t.Errorf("%d ms known", d.Known)
	}
	d.Add(5*minute+1, math.NaN())
	if !math.IsNaN(d.Forecast()) {
		t.Error("a forecast without a value")
	}
}

// TestAt looks between values, and after the last of them.
func TestAt(t *testing.T) {
	d := &Running{Size: 900_000, Trend: 180_000, MaxAge: 60_000}
	if v := d.At(5); !math.IsNaN(v.Forecast) || !math.IsNaN(v.Mean) || !math.IsNaN(v.Left(5)) {
		t.Errorf("of nothing: %+v", v)
	}
	d.Add(0, 100)
	kept := *d
	for at, want := range map[record.Millis]View{
		0:       {0, 900_000, 0, 0, 0, 100, 0, 0, math.NaN(), 100},
		30_000:  {0, 900_000, 30_000, 3e6, 30_000, 100, 0, 0, 100, 100},
		60_000:  {0, 900_000, 60_000, 6e6, 60_000, 100, 0, 0, 100, 100},
		60_001:  {0, 900_000, 60_001, 6e6, 60_000, math.NaN(), 0, 0, 100, math.NaN()}, // silent for too long
		900_000: {900_000, 1_800_000, 900_000, 0, 0, math.NaN(), 0, 0, math.NaN(), math.NaN()},
	} {
		if got := d.At(at); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("at %d: %+v, not %+v", at, got, want)
		}
	}
	if fmt.Sprint(kept) != fmt.Sprint(*d) {
		t.Error("looking changed it")
	}
	// Across the border of windows a value goes on, as far as it holds.
	d.Add(880_000, 40)
	if v := d.At(910_000); v.Known != 10_000 || v.Mean != 40 || v.Forecast != 40 || v.Left(40) != 40 {
		t.Errorf("in the next window: %+v", v)
	}
	// A direction is followed from the last value on, however late one looks.
	d = &Running{Size: 900_000, Trend: 180_000}
	for s := range record.Millis(31) {
		d.Add(s*10_000, float64(s*10))
	}
	if now, later := d.Last(), d.At(310_000); now.Rising != 180_000 || later.Rising != 170_000 || math.Abs(later.Slope-0.001) > 1e-9 || later.Value != 300 {
		t.Errorf("%+v, later %+v", now, later)
	}
}
