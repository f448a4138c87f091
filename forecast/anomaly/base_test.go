package anomaly

import (
	"math"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/replay"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

func bases(t *testing.T, o Options, start record.Millis, values []float64) (days []Day) {
	t.Helper()
	b, err := NewBase(o)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range values {
		if d, over := b.Add(start+record.Millis(int64(i)*o.Step), v); over {
			days = append(days, d)
		}
	}
	return days
}

// TestBaseOfMeasuredSeries raises the base by half of it for two weeks, again and
// again. In buildings that is always seen, in homes half of the time. In the data as it
// was measured, where people went away and came back, there is an alarm in five weeks
// at most.
func TestBaseOfMeasuredSeries(t *testing.T) {
	rate := func(all []replay.Series) float64 {
		found, put := 0.0, 0.0
		for _, s := range all {
			clean := bases(t, options(s), s.Start, s.Floats())
			alarms := 0
			for i, d := range clean {
				if d.Drift != 0 && clean[i-1].Drift == 0 {
					alarms++
				}
			}
			if weeks := float64(len(clean)) / 7; float64(alarms) > weeks/5 {
				t.Errorf("%s: %d alarms in %.0f weeks", s.Name, alarms, weeks)
			}
			for day := 60; day+20 < len(clean); day += 23 {
				values := s.Floats()
				Raise(values, day*24, 14*24, clean[day].Usual/2)
				put++
				raised := bases(t, options(s), s.Start, values[:(day+14)*24])
				for i, d := range raised {
					if d.Drift == 1 && d.Day.From >= s.At(day*24) && raised[i-1].Drift != 1 {
						found++
						break
					}
				}
			}
		}
		return found / put
	}
	var homes []replay.Series
	for _, h := range replay.Homes() {
		homes = append(homes, h.Load)
	}
	if got := rate(homes); got < 0.45 {
		t.Errorf("homes: %.2f found", got)
	}
	if got := rate(replay.Offices()); got != 1 {
		t.Errorf("buildings: %.2f found", got)
	}
}

func TestBase(t *testing.T) {
	c, err := window.Load("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	start := record.MillisOf(time.Date(2026, 3, 1, 0, 0, 0, 0, c.Zone()))
	values := make([]float64, 24*120)
	for i := range values {
		at := (start + record.Millis(int64(i)*hour)).Time().In(c.Zone())
		if values[i] = 100; at.Hour() >= 6 {
			values[i] = 900
		}
		if i >= 24*50 { // half of what the base was
			values[i] -= 50
		}
	}
	for i := range 10 {
		values[24*30+i] = math.NaN() // a day of which too little is known
	}
	days := bases(t, Options{Calendar: c, Step: hour}, start, values)
	if len(days) != 119 {
		t.Errorf("%d days", len(days))
	}
	first := 0
	for i, d := range days {
		if want := []float64{100, 50}[min(max(i-48, 0)/2, 1)]; d.Base != want && i != 49 {
			t.Errorf("day %d, %v: %v, want %v", i, d.Day, d.Base, want)
		}
		if d.Drift != 0 && first == 0 {
			first = i
			if d.Drift != -1 || d.Usual != 100 {
				t.Errorf("%+v", d)
			}
		}
	}
	if first < 49 || first > 54 {
		t.Errorf("seen on day %d", first)
	}
	if d := days[len(days)-1]; d.Drift != 0 || d.Usual != 50 {
		t.Errorf("it stayed, and is not usual: %+v", d)
	}
	if _, err := NewBase(Options{}); err == nil {
		t.Error("without a step")
	}
}
