package appliance

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/internal/replay"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/series"
)

// TestTheLaundryRoom finds the cycles of a laundry room with a fridge, a house near
// Paris in minutes (package replay; the appliances of the UCI set of rooms are not
// at hand). What is in cycles and outside of them is what was measured.
func TestTheLaundryRoom(t *testing.T) {
	sub := replay.Household().Subs[1]
	p := series.GaugeSeries{Start: sub.Start, Step: sub.Step}
	total := 0.0
	for _, v := range sub.Values {
		if v == replay.Unknown {
			p.Values = append(p.Values, series.GaugeValue{})
			continue
		}
		p.Values = append(p.Values, series.GaugeValue{Value: float64(v) * 60, Quality: energy.Measured})
		total += float64(v)
	}
	out, err := Run(ApplianceInput{Subject: sub.Name, Zone: "Europe/Paris", Now: p.Span().To, Power: p, MaxPause: 10 * series.Minute, MinRun: 5 * series.Minute})
	if err != nil {
		t.Fatal(err)
	}
	in := 0.0
	for _, c := range out.Cycles {
		in += c.Wh
	}
	t.Logf("level %.0f W, %d cycles of %.0f Wh, %.0f of %.0f Wh in cycles, standby %.1f W", out.Level, out.Count, *out.MeanWh, in, total, out.Standby.Watts)
	if !out.Switches || out.Count < 50 || in > total || in < total*0.7 || out.Standby.Watts > 60 {
		t.Errorf("%+v", out.Standby)
	}
	if out.Quality.Missing != 2 {
		t.Errorf("%s", out.Quality)
	}
}

// TestCyclesAreFound holds random appliances to the cycles that made them.
func TestCyclesAreFound(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for round := range 40 {
		start := record.Millis(1_780_272_000_000)
		p := series.GaugeSeries{Start: start, Step: 5 * series.Minute}
		standby, watts := r.Float64()*5, 300+r.Float64()*2500
		var made []int
		wh := 0.0
		for len(p.Values) < 21*288 {
			for range 20 + r.IntN(300) {
				p.Values = append(p.Values, series.GaugeValue{Value: standby * (0.9 + 0.2*r.Float64()), Quality: energy.Measured})
			}
			n := 2 + r.IntN(30)
			made = append(made, n)
			for range n {
				v := watts * (0.8 + 0.4*r.Float64())
				wh += v / 12
				p.Values = append(p.Values, series.GaugeValue{Value: v, Quality: energy.Measured})
			}
		}
		for range 5 {
			p.Values = append(p.Values, series.GaugeValue{Value: standby, Quality: energy.Measured})
		}
		out, err := Run(ApplianceInput{Subject: "x", Now: p.Span().To, Power: p})
		if err != nil {
			t.Fatal(err)
		}
		got := 0.0
		for _, c := range out.Cycles {
			got += c.Wh
		}
		if out.Count != len(made) || math.Abs(got-wh) > 1e-6*wh || math.Abs(out.Standby.Watts-standby) > 0.1*standby+1e-9 {
			t.Fatalf("round %d: %d cycles of %.1f Wh, made %d of %.1f; standby %g, was %g", round, out.Count, got, len(made), wh, out.Standby.Watts, standby)
		}
		for _, h := range out.Week {
			if h.Begin < 0 || h.Begin > 1 || h.On < 0 || h.On > 1 {
				t.Fatalf("%+v", h)
			}
		}
		for _, d := range out.Next {
			if !(d.Low <= d.Mean && d.Mean <= d.High) {
				t.Fatalf("%+v", d)
			}
		}
		text, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		var back ApplianceOutput
		if err := json.Unmarshal(text, &back); err != nil || cmp.Diff(out, back) != "" {
			t.Fatal(err, cmp.Diff(out, back))
		}
	}
}

// BenchmarkRun looks at eight weeks of five minutes.
func BenchmarkRun(b *testing.B) {
	p := series.GaugeSeries{Start: 1_780_272_000_000, Step: 5 * series.Minute}
	for i := range 56 * 288 {
		v := 2.0
		if i%288 > 120 && i%288 < 140 && i/288%2 == 0 {
			v = 1800
		}
		p.Values = append(p.Values, series.GaugeValue{Value: v, Quality: energy.Measured})
	}
	in := ApplianceInput{Subject: "x", Zone: "Europe/Berlin", Now: p.Span().To, Power: p}
	for b.Loop() {
		if _, err := Run(in); err != nil {
			b.Fatal(err)
		}
	}
}
