package estimation

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/forecast/dayahead"
	"github.com/wattwerk/wattwerk/internal/replay"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/service/series/seriestest"
	"github.com/wattwerk/wattwerk/window"
)

var homes = sync.OnceValue(replay.Homes)

// home is a CityLearn home of package replay, as it was known on a day: hours of
// the standard time of California.
func home(n, day int) (EstimationInput, EstimationInput) {
	h := homes()[n]
	load, made := seriestest.Of(h.Load), seriestest.Of(h.PV)
	now := load.Start + record.Millis(int64(day)*series.Day+13*series.Hour)
	until := func(s *series.EnergySeries) series.EnergySeries {
		return series.EnergySeries{Start: s.Start, Step: s.Step, Values: s.Values[:int(int64(now-s.Start)/s.Step)]}
	}
	known, made2 := until(load), until(made)
	return EstimationInput{Subject: h.Load.Name, Zone: "Etc/GMT+8", Now: now, Load: known, Generation: &made2},
		EstimationInput{Load: *load, Generation: made}
}

// TestHomes estimates each tenth day of five homes, and compares with what was: the
// error of loads by hours is below half of what is taken, and 80 % bands hold about as much.
func TestHomes(t *testing.T) {
	var wrong, total, madeWrong, madeTotal, ownSaid, ownWas, ownNaive float64
	inside, n := 0, 0
	for h := range 5 {
		for day := 60; day < 360; day += 10 {
			in, was := home(h, day)
			out, err := Run(in)
			if err != nil {
				t.Fatal(err)
			}
			if len(out.Intervals) != 24 || out.Rest == nil || out.Generation == nil {
				t.Fatalf("%+v", out)
			}
			for _, x := range out.Intervals {
				l, g := was.Load.Of(x.From).Amount.Float64(), was.Generation.Of(x.From).Amount.Float64()
				wrong, total = wrong+math.Abs(l-x.Load.Mean), total+l
				madeWrong, madeTotal = madeWrong+math.Abs(g-x.Generation.Mean), madeTotal+g
				n++
				if x.Load.Low <= l && l <= x.Load.High {
					inside++
				}
				ownSaid, ownWas, ownNaive = ownSaid+x.OwnUse, ownWas+math.Min(l, g), ownNaive+math.Min(x.Load.Mean, x.Generation.Mean)
			}
		}
	}
	load, made, hold := wrong/total, madeWrong/madeTotal, float64(inside)/float64(n)
	t.Logf("load WAPE %.3f, generation WAPE %.3f, bands hold %.3f, own use said %.0f kWh, was %.0f, least of both means %.0f", load, made, hold, ownSaid/1000, ownWas/1000, ownNaive/1000)
	if load > 0.50 || made > 0.27 || hold < 0.75 || hold > 0.86 {
		t.Errorf("load WAPE %.3f, generation WAPE %.3f, bands hold %.3f", load, made, hold)
	}
	if math.Abs(ownSaid-ownWas) > 0.06*ownWas || math.Abs(ownSaid-ownWas) > math.Abs(ownNaive-ownWas) {
		t.Errorf("own use is said to be %.0f Wh, was %.0f; the least of both means says %.0f", ownSaid, ownWas, ownNaive)
	}
}

// TestAlwaysTrue holds random inputs to what must be so of every estimation.
func TestAlwaysTrue(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 7))
	for round := range 25 {
		zone := []string{"Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "Asia/Kathmandu"}[r.IntN(4)]
		start := record.Millis(1_789_000_000_000/series.Hour*series.Hour) + record.Millis(r.Int64N(20)*series.Day)
		values := func(most int64, part int) *series.EnergySeries {
			s := &series.EnergySeries{Start: start, Step: series.Quarter}
			for range 40 * 96 {
				v := series.Measured(energy.Amount(r.Int64N(most)), series.Quarter)
				if r.IntN(part) == 0 {
					v = series.EnergyValue{}
				}
				s.Values = append(s.Values, v)
			}
			return s
		}
		in := EstimationInput{Subject: "x", Zone: zone, Load: *values(500_000_000, 4), Now: start + record.Millis(40*series.Day)}
		if r.IntN(2) == 0 {
			in.Generation = values(900_000_000, 4)
		}
		out, err := Run(in)
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(out.Intervals))*out.Step != int64(out.To-out.From) {
			t.Fatalf("round %d: %d intervals from %v to %v", round, len(out.Intervals), out.From, out.To)
		}
		for _, x := range out.Intervals {
			for _, b := range []*EstimationBand{&x.Load, x.Generation} {
				if b != nil && !(0 <= b.Low && b.Low <= b.Mean && b.Mean <= b.High) {
					t.Fatalf("round %d: %+v is no band", round, *b)
				}
			}
			if x.OwnUse < 0 || x.Import < -1e-9 || x.Export < -1e-9 || math.Abs(x.OwnUse+x.Import-x.Load.Mean) > 1e-6 || x.Surplus < 0 || x.Surplus > 1 {
				t.Fatalf("round %d: %+v", round, x)
			}
		}
		text, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		var back EstimationOutput
		if err := json.Unmarshal(text, &back); err != nil || cmp.Diff(out, back) != "" {
			t.Fatal(err, cmp.Diff(out, back))
		}
	}
}

func TestRefuses(t *testing.T) {
	good, _ := home(0, 100)
	for _, x := range []struct {
		do   func(*EstimationInput)
		want string
	}{
		{func(in *EstimationInput) { in.Day = "soon" }, `estimation: day "soon" is neither RFC 3339, nor a date as 2026-01-31, nor ms since 1970`},
		{func(in *EstimationInput) { in.Day = "2020-01-01" }, "estimation: the day that begins at 2020-01-01T08:00:00.000Z is more than two days ahead"},
		{func(in *EstimationInput) { in.Capacity = math.NaN() }, "estimation: a capacity of NaN W is none"},
		{func(in *EstimationInput) { in.Band = 1 }, "estimation: a band of 1 is not from 0 to 0.98"},
		{func(in *EstimationInput) { in.Load = series.EnergySeries{Step: series.Minute} }, "estimation: a step of 1 minutes is too fine; hand over quarters of an hour or hours"},
		{func(in *EstimationInput) {
			in.LoadForecast = &EstimationForecast{Method: "x", Values: []EstimationBand{{3, 2, 1}}}
		}, `estimation: value 1 of the forecast "x" is no band: 3, 2, 1`},
		{func(in *EstimationInput) { in.Zone = "Asia/Kathmandu" }, "estimation: the day in Asia/Kathmandu does not begin with a step of 60 minutes; hand over quarters of an hour"},
	} {
		in := good
		x.do(&in)
		if _, err := Run(in); err == nil || err.Error() != x.want {
			t.Errorf("%v\nwant %s", err, x.want)
		}
	}
}

// BenchmarkRun estimates a day of a home in hours.
func BenchmarkRun(b *testing.B) {
	in, _ := home(1, 200)
	for b.Loop() {
		if _, err := Run(in); err != nil {
			b.Fatal(err)
		}
	}
}

// TestForecastOfDayahead hands over the day that package dayahead says of a home.
func TestForecastOfDayahead(t *testing.T) {
	in, _ := home(1, 200)
	c, err := window.Load(in.Zone)
	if err != nil {
		t.Fatal(err)
	}
	s := dayahead.Series{Start: in.Load.Start, Step: in.Load.Step}
	for _, v := range in.Load.Values {
		s.Values = append(s.Values, v.Amount.Float64())
	}
	m, err := dayahead.Fit(dayahead.Ridge, s, c)
	if err != nil {
		t.Fatal(err)
	}
	tomorrow := in.Now + record.Millis(series.Day)
	f, err := m.Day(tomorrow)
	if err != nil {
		t.Fatal(err)
	}
	in.LoadForecast = Of(f)
	out, err := Run(in)
	if err != nil {
		t.Fatal(err)
	}
	if out.LoadModel.Name != string(dayahead.Ridge) || len(out.Intervals) != 24 {
		t.Fatalf("%+v", out.LoadModel)
	}
	for i, x := range out.Intervals {
		if x.Load.Mean != f.Values[i] || f.Lower != nil && x.Load.Low != f.Lower[i] || x.From != f.Start+record.Millis(int64(i)*f.Step) {
			t.Fatalf("interval %d is %+v, the forecast says %g", i, x, f.Values[i])
		}
	}
}

// TestFinerForecast hands a forecast by hours over to a load by quarters: each hour is the
// forecast's, and its quarters are as large to one another as the own model has them.
func TestFinerForecast(t *testing.T) {
	const days = 30
	in := EstimationInput{Subject: "home", Now: record.Millis(days * series.Day), Load: series.EnergySeries{Step: series.Quarter}}
	for i := range days * 96 {
		a, _ := energy.Of(float64(10 * (1 + i%4)))
		in.Load.Values = append(in.Load.Values, series.Measured(a, series.Quarter))
	}
	day, err := Day(&in)
	if err != nil || day.From != in.Now+record.Millis(series.Day) {
		t.Fatal(day, err)
	}
	f := &EstimationForecast{Method: "ridge", Start: day.From, Step: series.Hour, Wrong: new(0.07), Days: 56}
	for range 24 {
		f.Values = append(f.Values, EstimationBand{100, 200, 400})
	}
	in.LoadForecast = f
	out, err := Run(in)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Intervals) != 96 || out.Load.Mean != 24*200 || out.LoadModel.Name != "ridge" || *out.LoadModel.Wrong != 0.07 {
		t.Errorf("%+v", out)
	}
	for i, x := range out.Intervals {
		if want := 20 * float64(1+i%4); math.Abs(x.Load.Mean-want) > 1e-9 || math.Abs(x.Load.High-2*want) > 1e-9 || math.Abs(x.Load.Low-want/2) > 1e-9 {
			t.Fatalf("%d: %+v, not %v", i, x.Load, want)
		}
	}
	in.LoadForecast.Step = 7
	if _, err := Run(in); err == nil {
		t.Error("a step of 7 ms is taken")
	}
}
