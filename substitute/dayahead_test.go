package substitute

import (
	"math"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/forecast/dayahead"
	"github.com/wattwerk/wattwerk/internal/replay"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// TestDayAhead puts forecasts of two office buildings among the virtual models, where
// the day of the week counts: what is chosen is better than the mean of seven days.
func TestDayAhead(t *testing.T) {
	for _, s := range replay.Offices() {
		values := Series{From: s.Start, Step: record.Millis(s.Step), Values: s.Floats()}
		cut := len(values.Values) * 6 / 10
		by := DayAhead{Calendar: window.In(s.Zone), Kind: dayahead.Ridge}
		r := Fit(Target{Object: "sensor/office", Quantity: record.ActivePower, Series: values.first(cut)}, nil, nil, Options{Horizon: Day, Forecast: by})
		for _, o := range r.Options {
			if f, ok := o.at(Day); ok {
				t.Logf("%s: %s is expected to be wrong by %.2f %%", s.Name, o.Method, 100*f.Error.Relative)
			}
		}
		c, _ := r.Choose(Day, Need{}, nil, nil)
		seven, _ := r.Choose(Day, Need{}, nil, only(MeanOfWeek))
		if c.Fit == nil || c.Fit.Error.Mean > 0.7*seven.Fit.Error.Mean {
			t.Errorf("%s: %+v", s.Name, c.Option)
		}
		forecast, _ := r.Choose(Day, Need{}, nil, only(Forecast))
		var wrong, whole float64
		for k := cut; k < cut+24; k++ {
			at := values.From + record.Millis(k)*hour
			v, ok := forecast.Fit.Mapping.Value(at, at-hour, nil)
			if !ok {
				t.Fatalf("nothing at %v", at)
			}
			wrong += math.Abs(v - values.Values[k])
			whole += values.Values[k]
		}
		t.Logf("%s: the first day is wrong by %.1f %%", s.Name, 100*wrong/whole)
		if _, ok := forecast.Fit.Mapping.Value(values.From+record.Millis(cut+24)*hour, 0, nil); ok {
			t.Error("a value that was not issued")
		}
	}
}

// TestDayAheadIsOnTheGrid issues from any hour, over a change of the clock, what the
// model says of the same times; and nothing from a history of hours.
func TestDayAheadIsOnTheGrid(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	by := DayAhead{Calendar: window.In(zone), Kind: dayahead.Yesterday}
	end := record.MillisOf(time.Date(2026, 3, 28, 17, 0, 0, 0, time.UTC)) // the clock changes in the night
	h := Series{From: end - 30*Day, Step: hour, Values: make([]float64, 30*24)}
	local := func(t record.Millis) float64 { return float64(t.Time().In(zone).Hour()) }
	for i := range h.Values {
		h.Values[i] = local(h.From + record.Millis(i)*hour)
	}
	for i, v := range by.Issue(h, 48) {
		at := end + record.Millis(i)*hour
		if want := local(at); v != want && math.Abs(v-want) > 1 { // of the hour that is left out it says the one beside
			t.Errorf("%v: %v, not %v", at, v, want)
		}
	}
	if got := by.Issue(h.first(5), 3); len(got) != 0 {
		t.Errorf("issued %v", got)
	}
}
