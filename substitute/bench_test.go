package substitute

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/forecast/dayahead"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// sixteen are a target and 16 candidates that have something in common with it, n
// cells each.
func sixteen(n int, step record.Millis) (Target, []Candidate) {
	r := rand.New(rand.NewPCG(1, 16))
	make1 := func(part float64) Series {
		s := Series{From: 400 * Day, Step: step, Values: make([]float64, n)}
		for i := range s.Values {
			t := float64(i) * float64(step) / float64(Day)
			s.Values[i] = math.Max(0, 500+part*300*math.Sin(2*math.Pi*t)+100*math.Sin(2*math.Pi*t/7)+100*r.NormFloat64())
		}
		return s
	}
	target := Target{Object: "sensor/dead", Quantity: record.ActivePower, Series: make1(1)}
	var out []Candidate
	for i := range 16 {
		id := object.OfSensor(record.SensorID(fmt.Sprintf("near%d", i)))
		out = append(out, Candidate{Object: id, Place: Floor, Quantity: record.ActivePower, Series: make1(float64(i) / 16)})
	}
	return target, out
}

// BenchmarkFit fits one object with 16 candidates over 60 days of hours.
func BenchmarkFit(b *testing.B) {
	target, candidates := sixteen(60*24, hour)
	b.ReportAllocs()
	for b.Loop() {
		Fit(target, candidates, nil, Options{})
	}
}

// BenchmarkFitWithForecast does so with forecasts by ridge among the virtual models.
func BenchmarkFitWithForecast(b *testing.B) {
	target, candidates := sixteen(60*24, hour)
	by := DayAhead{Calendar: window.In(time.UTC), Kind: dayahead.Ridge}
	b.ReportAllocs()
	for b.Loop() {
		Fit(target, candidates, nil, Options{Forecast: by})
	}
}

// BenchmarkValue computes one value of the most intricate method.
func BenchmarkValue(b *testing.B) {
	target, candidates := sixteen(60*24, hour)
	r := Fit(target, candidates, nil, Options{})
	c, _ := r.Choose(Day, Need{}, nil, func(m Method, _ []object.ID) bool { return m != Blend })
	bound, ok := c.Fit.Mapping.Bind(func(id object.ID) (Series, bool) {
		for _, c := range candidates {
			if c.Object == id {
				return c.Series, true
			}
		}
		return target.Series, true
	})
	if !ok {
		b.Fatal("not bound")
	}
	t := target.Series.End() - hour
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := bound.Value(t, t-Day); !ok {
			b.Fatal("no value")
		}
	}
}
