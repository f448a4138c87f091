package saving

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/internal/replay"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/service/series/seriestest"
	"github.com/wattwerk/wattwerk/window"
)

const year = 365

const start = record.Millis(1_735_689_600_000) // 2025-01-01

// building is a building whose energy is known to the formula, plus noise of
// noise·its mean whose neighbours resemble one another by rho; after a year it takes the part left of it.
func building(r *rand.Rand, days int, left, noise, rho float64) SavingInput {
	e := series.EnergySeries{Start: start, Step: series.Hour}
	t := series.GaugeSeries{Start: start, Step: series.Hour}
	last := 0.0
	for d := range days {
		celsius := 11 - 11*math.Cos(2*math.Pi*float64(d)/365) + 3*r.NormFloat64()
		kwh := 400 + 12*math.Max(0, 15-celsius) + 20*math.Max(0, celsius-22)
		if w := (d + 2) % 7; w >= 5 { // 1 January 2025 is a Wednesday
			kwh -= 90
		}
		last = rho*last + math.Sqrt(1-rho*rho)*r.NormFloat64()
		kwh += 450 * noise * last
		if d >= year {
			kwh *= left
		}
		kwh = math.Max(kwh, 0)
		for range 24 {
			e.Values = append(e.Values, series.Measured(energy.Amount(kwh/24*1e9), series.Hour))
			t.Values = append(t.Values, series.GaugeValue{Value: celsius, Quality: energy.Measured})
		}
	}
	return SavingInput{
		Subject: "school", Energy: e, Temperature: &t, BaselineFrom: start, BaselineTo: start + record.Millis(365*series.Day),
		Since: start + record.Millis(year*series.Day), Now: start + record.Millis(int64(days)*series.Day), Price: "0.30", Currency: "EUR",
	}
}

// TestTheFormulaIsFound takes 12 % off a building whose formula is known: the model
// finds it, and the saving.
func TestTheFormulaIsFound(t *testing.T) {
	out, err := Run(building(rand.New(rand.NewPCG(1, 6)), 365+365, 0.88, 0.03, 0.3))
	if err != nil {
		t.Fatal(err)
	}
	m := out.Model
	t.Logf("%s; CV(RMSE) %.3f, outside %.3f, R² %.3f, rho %.2f", m.Text, m.Within.CVRMSE, m.Outside.CVRMSE, m.Within.R2, m.Rho)
	if !m.Good || math.Abs(m.Base-400) > 8 || math.Abs(m.Heating-12) > 1 || math.Abs(m.Free+90) > 5 || math.Abs(m.HeatPoint-15) > 1 || math.Abs(m.CoolPoint-22) > 2 || math.Abs(m.Rho-0.3) > 0.15 {
		t.Errorf("%+v", m)
	}
	x, y := out.Measured, out.Year
	t.Logf("saved %.0f ± %.0f of %.0f kWh; next year %.0f (%.0f to %.0f) of %.0f", x.Saved, x.Uncertainty, x.Expected, y.Mean, y.Low, y.High, y.Without)
	if x == nil || y == nil || !x.Certain || math.Abs(x.Part-0.12) > 0.01 || !(y.Low < y.Mean && y.Mean < y.High) || x.Days != 365 {
		t.Errorf("%+v %+v", x, y)
	}
	if *x.Money != *out.Measured.Money || math.Abs(float64(*x.Money)-x.Saved*300_000) > 1 {
		t.Errorf("%s for %g kWh", x.Money, x.Saved)
	}
}

// TestUncertaintyHolds repeats it: nine of ten times, or more, the saving is within what is said, and
// where nothing was saved it is not told from chance.
func TestUncertaintyHolds(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	const rounds = 40
	holds, quiet := 0, 0
	for range rounds {
		in := building(r, 365+120, 0.92, 0.05, 0.4)
		out, err := Run(in)
		if err != nil || out.Measured == nil {
			t.Fatal(err, out.Refused)
		}
		if x := out.Measured; math.Abs(x.Saved-0.08*x.Expected) <= x.Uncertainty {
			holds++
		}
		out, err = Run(building(r, 365+120, 1, 0.05, 0.4))
		if err != nil || out.Measured == nil {
			t.Fatal(err, out.Refused)
		}
		if !out.Measured.Certain {
			quiet++
		}
	}
	t.Logf("within the uncertainty: %d of %d; no saving is called none: %d", holds, rounds, quiet)
	if holds < rounds*80/100 || quiet < rounds*80/100 {
		t.Errorf("within the uncertainty: %d of %d; no saving is called none: %d", holds, rounds, quiet)
	}
}

// TestPoorModelsAreRefused has a building that does what it likes, and five real homes, whose days no
// calendar explains.
func TestPoorModelsAreRefused(t *testing.T) {
	in := building(rand.New(rand.NewPCG(1, 6)), 365+100, 0.9, 0.6, 0)
	out, err := Run(in)
	if err != nil || out.Measured != nil || out.Year != nil || out.Model.Good || !strings.HasPrefix(out.Refused, "the model explains too little: CV(RMSE)") {
		t.Errorf("%v %q %+v", err, out.Refused, out.Measured)
	}
	refused := 0
	for _, h := range replay.Homes() {
		e := seriestest.Of(h.Load)
		out, err := Run(SavingInput{Subject: h.Load.Name, Zone: "Etc/GMT+8", Energy: *e, BaselineFrom: e.Start, BaselineTo: e.Span().To, Now: e.Span().To})
		if err != nil {
			t.Fatal(err)
		}
		if out.Refused != "" {
			refused++
		}
		t.Logf("%s: CV(RMSE) %.2f, %.2f outside; %s", h.Load.Name, out.Model.Within.CVRMSE, out.Model.Outside.CVRMSE, out.Refused)
	}
	if refused < 2 {
		t.Errorf("%d of 5 homes are refused", refused)
	}
}

// TestOffices fits the calendar to two real offices (BDG2, package replay): one is
// explained by it. Their temperature is not at hand.
func TestOffices(t *testing.T) {
	for _, s := range replay.Offices() {
		e := seriestest.Of(s)
		out, err := Run(SavingInput{Subject: s.Name, Energy: *e, BaselineFrom: e.Start, BaselineTo: e.Start + record.Millis(180*series.Day), Since: e.Start + record.Millis(180*series.Day), Now: e.Span().To,
			Measures: []SavingMeasure{{ID: "night", Kind: Standby, From: "22:00", To: "06:00", Keep: 50_000}, {ID: "noon", Kind: Share, From: "11:00", To: "13:00", Days: "workdays", Share: 0.1}}})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %s; within %+v, outside %+v; %s", s.Name, out.Model.Text, out.Model.Within, out.Model.Outside, out.Refused)
		if !out.Model.Good || out.Measured == nil || len(out.Measures) != 2 || out.Measures[0].Mean <= 0 || out.Measures[1].Mean <= 0 {
			t.Errorf("%+v", out)
		}
	}
}

// TestAlwaysTrue holds random buildings with gaps to what must be so.
func TestAlwaysTrue(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 6))
	for range 15 {
		in := building(r, 365+r.IntN(200)+1, 0.9, 0.02+r.Float64()/4, r.Float64()/2)
		for i := range in.Energy.Values {
			if r.IntN(400) == 0 {
				in.Energy.Values[i] = series.EnergyValue{}
			}
			if r.IntN(200) == 0 {
				in.Temperature.Values[i] = series.GaugeValue{}
			}
		}
		in.Measures = []SavingMeasure{{ID: "n", Kind: Standby, From: "22:00", To: "06:00"}, {ID: "s", Kind: Share, From: "00:00", To: "24:00", Share: 0.25}}
		out, err := Run(in)
		if err != nil {
			t.Fatal(err)
		}
		m := out.Model
		if m.Days+m.LeftOut != 365 || m.Within.R2 > 1 || math.Abs(m.Within.NMBE) > 1e-6 || m.Outside.CVRMSE < m.Within.CVRMSE*0.9 || m.Rho < -1 || m.Rho > 1 {
			t.Fatalf("%+v", m)
		}
		if x := out.Measured; (x == nil) == (out.Refused == "") {
			t.Fatalf("%q and %+v", out.Refused, x)
		} else if x != nil && (math.Abs(x.Expected-x.Used-x.Saved) > 1e-6 || x.Certain != (math.Abs(x.Saved) > x.Uncertainty) || x.Days+x.LeftOut != int((in.Now-in.Since)/record.Millis(series.Day))) {
			t.Fatalf("%+v", x)
		}
		for _, p := range out.Measures {
			if !(p.Low <= p.Mean && p.Mean <= p.High && p.Low >= 0) {
				t.Fatalf("%+v", p)
			}
		}
		text, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		var back SavingOutput
		if err := json.Unmarshal(text, &back); err != nil || cmp.Diff(out, back) != "" {
			t.Fatal(err, cmp.Diff(out, back))
		}
	}
}

func TestStudent(t *testing.T) {
	for free, want := range map[float64]float64{5: 2.015, 10: 1.812, 30: 1.697, 120: 1.658, 1e9: 1.645} {
		if got := student(free); math.Abs(got-want) > 0.012 {
			t.Errorf("t of %g is %.4f, want %.3f", free, got, want)
		}
	}
}

// BenchmarkRun looks at two years of hours.
func BenchmarkRun(b *testing.B) {
	in := building(rand.New(rand.NewPCG(1, 6)), 730, 0.9, 0.05, 0.3)
	for b.Loop() {
		if _, err := Run(in); err != nil {
			b.Fatal(err)
		}
	}
}

// TestOneSumForAllShapes: a shape that is fitted from the sums of all features is to the bit
// what it is when days are added up for it alone.
func TestOneSumForAllShapes(t *testing.T) {
	in := building(rand.New(rand.NewPCG(3, 4)), 200, 1, 0.05, 0.2)
	c, err := window.Load("")
	if err != nil {
		t.Fatal(err)
	}
	r := &run{in: &in, calendar: c, zone: c.Zone()}
	r.split()
	all, none := features(r.days, true), math.NaN()
	for _, free := range []bool{false, true} {
		for _, s := range []shape{{none, none, free}, {8, none, free}, {15, none, free}, {none, 28, free}, {none, 21, free}, {13, 22, free}, {22, 22, free}} {
			got, ok := solved(s, all.some(s), r.days)
			want, fits := fit(s, r.days)
			if ok != fits || got.Intercept != want.Intercept || !slices.Equal(got.Weights, want.Weights) || got.sse != want.sse || got.n != want.n {
				t.Errorf("%+v: %+v %v, not %+v %v", s, got, ok, want, fits)
			}
		}
	}
}
